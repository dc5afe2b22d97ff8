"""Chooses GridDefault's parameters: `python -m benchmarks._judgement_choice` (minutes).

Every combination of round values is replayed on every grid of benchmarks/curves/. A choice on some grids is the
combination that on most of them saves at least what Katib's median stop saves and kills at most what it kills; among
equals the one with the largest difference between saved and killed, on average over them. Printed are the choice on all
grids, and for each grid the choice on the others with its scores on that one.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from gridwatch_rules.judgement.catalogue import create_judgement_rule
from gridwatch_rules.judgement.grids import Grid, parse_grid
from gridwatch_rules.judgement.replay import AcrossTrials, replay
from gridwatch_rules.judgement.scores import Scorer

CURVES = Path(__file__).parent / "curves"
ORDERS, WORKERS = 5, 8
TOPS, ERRORS, CATCH_UPS = (0.1, 0.15, 0.2, 0.25, 0.3), (0.0, 0.05, 0.1), (0.5, 1.0)

Score = tuple[float, float]  # saved, top killed


def grids() -> dict[str, Grid]:
    """All grids of benchmarks/curves/, by name."""
    return {
        path.name.removesuffix(".json.gz"): parse_grid(path.read_bytes(), path.name)
        for path in sorted(CURVES.glob("*.json.gz"))
    }


def score(rule: str, parameters: Mapping[str, float], grid: Grid, orders: int = ORDERS) -> Score:
    """Saved and top killed, means over the orders."""
    judges, scorer = [AcrossTrials(create_judgement_rule(rule, parameters))], Scorer(grid)
    found = [scorer.scores(replay(grid, judges, seed=seed, workers=WORKERS)) for seed in range(orders)]
    return sum(each.saved for each in found) / orders, sum(each.top_killed for each in found) / orders


def mean(scores: Sequence[Score]) -> Score:
    return sum(saved for saved, _ in scores) / len(scores), sum(killed for _, killed in scores) / len(scores)


def main() -> None:
    found = grids()
    katib = {name: score("KatibMedianStopping", {}, grid) for name, grid in found.items()}
    tried: dict[tuple[float, ...], dict[str, Score]] = {}
    for top, error, catch_up in itertools.product(TOPS, ERRORS, CATCH_UPS):
        parameters = {"top": top, "error": error, "catch_up": catch_up}
        tried[top, error, catch_up] = {name: score("GridDefault", parameters, grid) for name, grid in found.items()}

    def worth(each: tuple[float, ...], names: Sequence[str]) -> tuple[int, float]:
        scores = tried[each]
        as_good = sum(scores[name][0] >= katib[name][0] and scores[name][1] <= katib[name][1] + 1e-9 for name in names)
        saved, killed = mean([scores[name] for name in names])
        return as_good, saved - killed

    def choice(names: Sequence[str]) -> tuple[float, ...]:
        return max(tried, key=lambda each: worth(each, names))

    print(f"on all grids: top, error, catch_up = {choice(list(found))}")
    for name in found:
        chosen = choice([other for other in found if other != name])
        saved, killed = tried[chosen][name]
        print(
            f"| {name} | {', '.join(f'{each:g}' for each in chosen)} | {100 * saved:.1f} / {100 * killed:.1f} "
            f"| {100 * katib[name][0]:.1f} / {100 * katib[name][1]:.1f} |"
        )


if __name__ == "__main__":
    main()

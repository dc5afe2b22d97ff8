"""Chooses the settings of the dial `stopping`: `python -m benchmarks._judgement_choice` (an hour on one core).

Every combination of grounds and round values is replayed on every grid of benchmarks/curves/ and on the public ones of
../shared/data/curves/real, which are not part of the project. A setting is the combination with the largest mean over
the kinds of training of saved less a price for each killed: 10 for `cautious`, 2 for `balanced`, 0.5 for `eager`.
Printed are the choice on all kinds, and for each kind the choice on the others with its scores on that one.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from gridwatch_rules.judgement.catalogue import create_judgement_rule
from gridwatch_rules.judgement.grids import Grid, parse_grid
from gridwatch_rules.judgement.replay import AcrossTrials, replay
from gridwatch_rules.judgement.scores import Scorer
from gridwatch_rules.judgement.stopping import STOPPINGS

CURVES = Path(__file__).parent / "curves"
PUBLIC = Path("../shared/data/curves/real")
KINDS = {
    "arlbench": "reinforcement learning", "stepback": "residual networks", "deepobs_cifar10": "convolutional networks",
    "deepobs_fmnist": "convolutional networks", "deepobs_mnist_vae": "autoencoders",
    "deepobs_quadratic": "noisy quadratic", "deepobs_tolstoi": "recurrent networks", "xgboost": "boosted trees",
    "boosting": "boosted trees", "sgd": "linear models",
}  # fmt: skip
ORDERS, WORKERS = 2, 8
TOPS, CORRELATIONS, MARGINS = (0.15, 0.2, 0.25, 0.3), (-1.0, 0.5), (4.0, 10.0)
PRICES = {"cautious": 10.0, "balanced": 2.0, "eager": 0.5}

Score = tuple[float, float]  # saved, top killed
Tried = tuple[str, float, float, float]  # grounds as in that setting, top, correlation, margin


def grids() -> dict[str, Grid]:
    """All grids of benchmarks/curves/, by name."""
    return {
        path.name.removesuffix(".json.gz"): parse_grid(path.read_bytes(), path.name)
        for path in sorted(CURVES.glob("*.json.gz"))
    }


def kind_of(name: str) -> str:
    return next((kind for prefix, kind in KINDS.items() if name.startswith(prefix)), "small networks")


def all_grids(folder: Path = PUBLIC) -> dict[str, Grid]:
    """The grids of the project and the public ones, by name."""
    public = {path.name.removesuffix(".json.gz"): path for path in sorted(folder.glob("*.json.gz"))}
    if not public:
        print(f"{folder} is not there: the public grids are left out", file=sys.stderr)
    return {**{name: parse_grid(path.read_bytes(), name) for name, path in public.items()}, **grids()}


def score(rule: str, parameters: Mapping[str, object], grid: Grid, orders: int = ORDERS) -> Score:
    """Saved and top killed, means over the orders."""
    judges, scorer = [AcrossTrials(create_judgement_rule(rule, parameters))], Scorer(grid)
    found = [scorer.scores(replay(grid, judges, seed=seed, workers=WORKERS)) for seed in range(orders)]
    return sum(each.saved for each in found) / orders, sum(each.top_killed for each in found) / orders


def mean(scores: Sequence[Score]) -> Score:
    return sum(saved for saved, _ in scores) / len(scores), sum(killed for _, killed in scores) / len(scores)


def by_kind(tried: Tried, kinds: Mapping[str, Sequence[Grid]]) -> dict[str, Score]:
    """The mean scores of one combination on the grids of each kind."""
    stopping, top, correlation, margin = tried
    parameters = {"stopping": stopping, "top": top, "correlation": correlation, "margin": margin, "min_trials": 8}
    return {kind: mean([score("GridDefault", parameters, grid) for grid in of]) for kind, of in kinds.items()}


def choice(scores: Mapping[Tried, Mapping[str, Score]], kinds: Sequence[str], price: float) -> Tried:
    """The combination with the largest worth on these kinds, each of which counts the same."""

    def worth(each: Tried) -> float:
        return sum(saved - price * killed for saved, killed in (scores[each][kind] for kind in kinds))

    return max(scores, key=worth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--public", type=Path, default=PUBLIC, help="a folder of public grids")
    kinds: dict[str, list[Grid]] = {}
    for name, grid in all_grids(parser.parse_args().public).items():
        kinds.setdefault(kind_of(name), []).append(grid)
    scores = {tried: by_kind(tried, kinds) for tried in itertools.product(STOPPINGS, TOPS, CORRELATIONS, MARGINS)}
    for setting, price in PRICES.items():
        print(f"{setting}, on all kinds: {choice(scores, list(kinds), price)}")
        for kind in kinds:
            chosen = choice(scores, [other for other in kinds if other != kind], price)
            saved, killed = scores[chosen][kind]
            print(f"| {kind} | {', '.join(map(str, chosen))} | {100 * saved:.1f} / {100 * killed:.1f} |")


if __name__ == "__main__":
    main()

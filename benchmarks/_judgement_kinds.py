"""Measures the dial `stopping` kind by kind of training: `python -m benchmarks._judgement_kinds` (minutes).

Grids are those of benchmarks/curves/ and the public ones of ../shared/data/curves/real (`--public` names another
folder), which are not part of the project. For each kind of training the dial is replayed as it would have been chosen
without any grid of that kind (`WITHOUT`, by benchmarks/_judgement_choice.py), so what is printed of a kind was not
fitted to it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks._judgement_choice import PUBLIC, all_grids, kind_of
from gridwatch_rules.judgement.backtest import Outcome, RuleAcross, measure
from gridwatch_rules.judgement.grids import Grid
from gridwatch_rules.judgement.scores import mean_of

ORDERS = 6
OTHERS: Mapping[str, tuple[str, dict[str, str]]] = {
    "Katib's median stop": ("KatibMedianStopping", {}),
    "Katib's, from report 8 on": ("KatibMedianStopping", {"start_step": "8"}),
    "CurveExtrapolation": ("CurveExtrapolation", {}),
    "ASHA": ("ASHA", {}),
    "Hyperband": ("Hyperband", {}),
    "MedianStopping": ("MedianStopping", {}),
    "Optuna's median": ("PercentileStopping", {}),
}
# What was chosen without a kind, where that differs from what was chosen on all kinds.
WITHOUT: Mapping[tuple[str, str], dict[str, str]] = {
    ("cautious", "small networks"): {"stopping": "balanced", "top": "0.2", "margin": "10", "min_trials": "8"},
    ("cautious", "noisy quadratic"): {"stopping": "cautious", "correlation": "-1"},
    ("eager", "noisy quadratic"): {"stopping": "eager", "correlation": "-1"},
}


def of_setting(setting: str, kind: str) -> RuleAcross:
    return RuleAcross("GridDefault", WITHOUT.get((setting, kind), {"stopping": setting}))


def outcomes(title: str, found: Mapping[str, Grid], orders: int) -> Iterator[tuple[str, Outcome]]:
    """The kind of each grid with the outcome on it, of a setting of the dial or of another rule."""
    for name, grid in found.items():
        kind = kind_of(name)
        rule = RuleAcross(*OTHERS[title]) if title in OTHERS else of_setting(title, kind)
        yield kind, measure(grid, rule, orders, [8], None)


def row(title: str, measured: Sequence[tuple[str, Outcome]]) -> dict[str, Any]:
    """The scores in %, by kind and as means over the kinds with 95 % intervals; regret in percentage points."""
    kinds: dict[str, list[Outcome]] = {}
    for kind, outcome in measured:
        kinds.setdefault(kind, []).append(outcome)
    scores = {
        kind: tuple(100 * sum(each.saved_and_killed[part] for each in of) / len(of) for part in (0, 1))
        for kind, of in kinds.items()
    }
    regrets = [mean.mean for _, each in measured if (mean := each.means["accuracy_regret_pp"]) is not None]
    saved, killed = (mean_of([each[part] for each in scores.values()], least=0, most=100) for part in (0, 1))
    return {
        "rule": title,
        "saved": round(saved.mean, 1), "saved_interval": [round(saved.low, 1), round(saved.high, 1)],
        "killed": round(killed.mean, 1), "killed_interval": [round(killed.low, 1), round(killed.high, 1)],
        "worst_killed": round(100 * max(each.saved_and_killed[1] for _, each in measured), 1),
        "regret": round(sum(regrets) / len(regrets), 3),
        "kinds": {kind: f"{saved:.1f} / {killed:.1f}" for kind, (saved, killed) in sorted(scores.items())},
        "grids": {each.grid: _shown(each) for _, each in measured},
    }  # fmt: skip


def _shown(outcome: Outcome) -> str:
    saved, killed = outcome.saved_and_killed
    return f"{100 * saved:.1f} / {100 * killed:.1f}"


def main() -> None:
    titles = ["cautious", "balanced", "eager", *OTHERS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rules", nargs="*", default=titles, help=f"out of {', '.join(titles)}; by default all")
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--public", type=Path, default=PUBLIC, help="a folder of public grids")
    given = parser.parse_args()
    found = all_grids(given.public)
    for title in given.rules:
        for name, value in row(title, list(outcomes(title, found, given.orders))).items():
            print(f"{name}: {value}", flush=True)
        print()


if __name__ == "__main__":
    main()

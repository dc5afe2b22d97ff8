"""Measures what every rule saves and costs on two complete grids of 540 trials and 50 epochs, beside the scores given
for reference, and how long 20 replays of one grid take. `--grids` adds the other grids of benchmarks/curves/, `--kinds`
what to expect of the dial and of other rules by kind of training (see benchmarks/_judgement_kinds.py).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks._judgement_choice import WORKERS, all_grids, grids
from benchmarks._judgement_kinds import ORDERS as ORDERS_OF_KINDS
from benchmarks._judgement_kinds import OTHERS, outcomes
from benchmarks._judgement_kinds import row as row_of_kinds
from benchmarks.result import Result, report
from gridwatch_rules.judgement.catalogue import create_judgement_rule
from gridwatch_rules.judgement.grids import Grid
from gridwatch_rules.judgement.replay import AcrossTrials, Judge, replay
from gridwatch_rules.judgement.scores import Scorer, Scores, mean_of
from gridwatch_rules.judgement.stopping import STOPPINGS
from gridwatch_rules.judgement.trial_rules import not_finite, stops_of
from gridwatch_rules.rules.catalogue import create_rule

ORDERS = 20
BOUND, BOUND_OF_EXTRAPOLATION = 10.0, 60.0  # seconds for 20 replays
HOPELESS = {"digits": 0.3, "breast_cancer": 0.7}


@dataclass(frozen=True, slots=True)
class Row:
    """A rule with the reference scores on digits and on breast_cancer: saved / top killed / hopeless caught, in %."""

    title: str
    rule: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reference: tuple[str, str] = ("", "")


ROWS = (
    Row("Debugger LossNotDecreasing", "LossNotDecreasing", reference=("17 / 26 / 59", "24 / 22 / 11")),
    Row("Debugger Overfit", "Overfit", reference=("18 / 85 / 14", "40 / 30 / 3")),
    Row("both and a NaN check", "LossNotDecreasing+Overfit", reference=("29 / 89 / 61", "47 / 41 / 17")),
    Row("Patience 10", "Patience", reference=("17 / 26 / 54", "28 / 33 / 6")),
    Row("MedianStopping (SageMaker tuning)", "MedianStopping", reference=("86 / 47 / 100", "87 / 72 / 99")),
    Row("KatibMedianStopping", "KatibMedianStopping", reference=("68 / 0 / 99", "61 / 27 / 99")),
    Row("KatibMedianStopping, as its code has it", "KatibMedianStopping", {"form": "implemented"}),
    Row("BanditStopping 0.1, delay 5", "BanditStopping", reference=("89 / 89 / 100", "88 / 72 / 99")),
    Row("TruncationStopping 20 %, delay 5", "TruncationStopping", reference=("52 / 0 / 99", "59 / 40 / 98")),
    Row("ASHA 3, grace 3", "ASHA", {"grace": 3}, ("83 / 32 / 100", "82 / 51 / 99")),
    Row("PercentileStopping 50 (Optuna's median)", "PercentileStopping", reference=("89 / 40 / 98", "86 / 72 / 98")),
    Row("Hyperband", "Hyperband", reference=("83 / 40 / 100", "82 / 51 / 99")),
    Row("CurveExtrapolation", "CurveExtrapolation"),
    Row("GridDefault", "GridDefault"),
    Row("GridDefault, cautious", "GridDefault", {"stopping": "cautious"}),
    Row("GridDefault, eager", "GridDefault", {"stopping": "eager"}),
)


def judges_of(row: Row, grid: Grid) -> Sequence[Judge]:
    alone = [name for name in row.rule.split("+") if name in ("LossNotDecreasing", "Overfit")]
    if alone:
        judges: list[Judge] = [stops_of(grid, partial(create_rule, name, {})) for name in alone]
        return [*judges, not_finite(grid)] if len(alone) > 1 else judges
    return [AcrossTrials(create_judgement_rule(row.rule, row.parameters))]


def measure(row: Row, grid: Grid, hopeless: float | None) -> tuple[Sequence[Scores], float]:
    """The scores of each replay, and the seconds that all of them took together."""
    began = time.perf_counter()
    judges, scorer = judges_of(row, grid), Scorer(grid, hopeless)
    scores = [scorer.scores(replay(grid, judges, seed=seed, workers=WORKERS)) for seed in range(ORDERS)]
    return scores, time.perf_counter() - began


def cell(scores: Sequence[Scores]) -> str:
    """Saved / top killed / hopeless caught in %, each with the half of its 95 % interval."""
    shown = []
    for name in ("saved", "top_killed", "hopeless_caught"):
        values = [value for score in scores if (value := getattr(score, name)) is not None]
        if values:
            found = mean_of(values)
            shown.append(f"{100 * found.mean:.1f} ± {100 * (found.high - found.mean):.1f}")
    return " / ".join(shown)


def by_kind() -> list[Mapping[str, Any]]:
    """The scores of the settings of the dial and of other rules, by kind of training."""
    found = all_grids()
    titles = [*STOPPINGS, *OTHERS]
    return [row_of_kinds(title, list(outcomes(title, found, ORDERS_OF_KINDS))) for title in titles]


def main() -> None:
    found = grids()
    table, times, regrets = [], {}, []
    for row in ROWS:
        cells = []
        for (name, hopeless), reference in zip(HOPELESS.items(), row.reference, strict=True):
            scores, times[row.title, name] = measure(row, found[name], hopeless)
            cells += [cell(scores), reference or "none"]
            if row.title == "GridDefault":
                regrets += [score.accuracy_regret_pp for score in scores]
        table.append(f"{row.title} | {' | '.join(cells)}")
    others = []
    for name in sorted(set(found) - set(HOPELESS)) if "--grids" in sys.argv[1:] else ():
        for row in ROWS:
            if row.title in ("GridDefault", "CurveExtrapolation", "KatibMedianStopping", "ASHA 3, grace 3"):
                others.append(f"{name} | {row.title} | {cell(measure(row, found[name], None)[0])}")
    fitting = {row.title for row in ROWS if row.rule in ("CurveExtrapolation", "GridDefault")}
    extrapolation = max(took for (title, _), took in times.items() if title in fitting)
    slowest = max(took for (title, _), took in times.items() if title not in fitting)
    report(
        Result(
            name="judgement",
            ours=round(slowest, 2),
            peer=BOUND,
            unit="s",
            ratio=round(BOUND / slowest, 1),
            what=f"{ORDERS} replays of one grid of 540 trials and 50 epochs by the slowest rule that fits no curves; "
            f"peer: the bound of {BOUND:g} s; `scores`: saved / top killed / hopeless caught in %",
            more={
                "seconds": {f"{title}, {name}": round(took, 2) for (title, name), took in times.items()},
                "extrapolation_seconds": round(extrapolation, 2),
                "extrapolation_bound": BOUND_OF_EXTRAPOLATION,
                "grid_default_accuracy_regret_pp": max(value for value in regrets if value is not None),
                "columns": "rule | digits | its reference | breast_cancer | its reference",
                "scores": table,
                "other_grids": others,
                "kinds": by_kind() if "--kinds" in sys.argv[1:] else [],
            },
        )
    )


if __name__ == "__main__":
    main()

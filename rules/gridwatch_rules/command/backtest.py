"""The command `gridwatch-rules backtest`: what rules would have saved on trials that trained to their end, and at what
cost.
"""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from gridwatch_rules.choosing import choices
from gridwatch_rules.command.output import print_json, print_rows, say

if TYPE_CHECKING:
    from gridwatch_rules.judgement.backtest import Outcome
    from gridwatch_rules.judgement.scores import Mean

_SHARES = {"saved": "saved %", "top_killed": "top killed %", "hopeless_caught": "hopeless caught %"}
_COLUMNS = ("grid", "rule", *_SHARES.values())


def run_backtest(asked: Namespace) -> int:
    """Print a row for each rule on each file of curves."""
    from gridwatch_rules.judgement.backtest import measure  # noqa: PLC0415  numpy is slow to import
    from gridwatch_rules.replays import read_grid  # noqa: PLC0415  as above

    chosen = choices(asked.rule, asked.parameter, asked.stopping)
    grids = [read_grid(path, asked.metric, asked.direction) for path in asked.curves]
    workers = asked.workers or [8]
    found = [measure(grid, choice, asked.orders, workers, asked.hopeless) for grid in grids for choice in chosen]
    if asked.json:
        print_json([outcome.as_json() for outcome in found])
        return 0
    print_rows(_COLUMNS, [_row(outcome) for outcome in found], as_json=False, empty="no rules")
    say(f"means of {asked.orders * len(workers)} replays with their 95 % intervals")
    return 0


def _row(outcome: Outcome) -> dict[str, str]:
    given = " ".join([outcome.rule, *(f"{key}={value}" for key, value in outcome.parameters.items())])
    shares = {title: _percent(outcome.means[name]) for name, title in _SHARES.items()}
    return {"grid": outcome.grid, "rule": given, **shares}


def _percent(mean: Mean | None) -> str:
    if mean is None:
        return ""
    shown = f"{100 * mean.mean:.1f}"
    low, high = f"{100 * mean.low:.1f}", f"{100 * mean.high:.1f}"
    return shown if low == high else f"{shown} ({low} to {high})"

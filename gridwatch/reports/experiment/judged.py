"""The ranks from 1; equal values share the mean of their ranks."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

from gridwatch.reports.experiment.tables import ExperimentTables
from gridwatch.reports.interactive import plot
from gridwatch.savings.money import money
from gridwatch.tables.finished import Curves, curves_of, grid_of
from gridwatch_rules.judgement.backtest import Outcome, RuleAcross, measure
from gridwatch_rules.judgement.catalogue import judgement_rule_names
from gridwatch_rules.judgement.grids import Grid, GridError, Trained
from gridwatch_rules.judgement.scores import pareto
from gridwatch_rules.page import paragraph, section, table

FEWEST_TRIALS = 4  # below, the best 5 % are one trial of which the rules have seen next to nothing to compare with
WORKERS = 8
DEFAULT_RULE = "GridDefault"
_NOTHING = 0.005
_MOST_ORDERS, _FEWEST_ORDERS = 20, 2
# All rules together take about 33 microseconds for each report, measured on 540 trials of 50: some 7 s for a page.
_MOST_REPORTS = 50_000  # in one order
_ALL_REPORTS = 200_000


@dataclass(frozen=True, slots=True)
class Replayed:
    """The report's section about what rules across trials would have saved and cost on this very experiment."""

    outcomes: Sequence[Outcome] = ()
    grid: Grid | None = None
    orders: int = 0
    total: int = 0
    reason: str | None = None


def replayed(tables: ExperimentTables, seed: int = 0) -> Replayed:
    """All rules across trials, with their defaults, replayed over the trials that trained to their end."""
    trials = [{**trial, **_objective(tables)} for trial in tables.trials]
    try:
        grid = grid_of(str(tables.experiment["experiment"]), trials, _curves(tables), None, None)
    except GridError as error:
        return Replayed(reason=str(error))
    total = len(grid.trials)
    if total < FEWEST_TRIALS:
        return Replayed(reason=f"{total} trials trained to their end; rules across trials need {FEWEST_TRIALS} or more")
    grid, reports = _drawn(grid, seed)
    orders = max(_FEWEST_ORDERS, min(_MOST_ORDERS, _ALL_REPORTS // reports))
    rules = [RuleAcross(name, {}) for name in judgement_rule_names()]
    outcomes = [measure(grid, rule, orders, [WORKERS], None) for rule in rules]
    return Replayed(outcomes, grid, orders, total)


def _objective(tables: ExperimentTables) -> Mapping[str, object]:
    return {name: tables.experiment.get(name) for name in ("objective_metric", "objective_direction")}


def _curves(tables: ExperimentTables) -> Curves:
    return curves_of(
        {
            "trial_id": each.trial_id,
            "name": each.name,
            "mode": each.mode,
            "source": each.source,
            "worker": each.worker,
            "objective": each.objective,
            "step": step,
            "value": value,
        }
        for each in tables.series
        for step, value in zip(each.steps, each.values, strict=True)
    )


def _drawn(grid: Grid, seed: int) -> tuple[Grid, int]:
    """As many randomly chosen trials as have at most `_MOST_REPORTS` reports together, and how many those are."""
    chosen: list[Trained] = []
    reports = 0
    order = list(grid.trials)
    random.Random(seed).shuffle(order)  # noqa: S311  no secret
    for trial in order:
        if chosen and reports + len(trial.losses) > _MOST_REPORTS:
            break
        chosen.append(trial)
        reports += len(trial.losses)
    return (grid if len(chosen) == len(order) else replace(grid, trials=chosen)), reports


def judgement(found: Replayed) -> str:
    """The section of the page."""
    heading = "What rules would have saved"
    if found.reason is not None or found.grid is None:
        return section(heading, paragraph(f"Nothing was replayed: {found.reason}.", "muted"))
    front = {found.outcomes[place].rule for place in pareto([each.saved_and_killed for each in found.outcomes])}
    best = sorted(found.outcomes, key=lambda each: (each.saved_and_killed[1], -each.saved_and_killed[0]))
    rows = [
        (
            escape(each.rule),
            _share(each, "saved"),
            _share(each, "top_killed"),
            _number(each, "regret", ".4g"),
            _amount(each),
            "yes" if each.rule in front else "",
        )
        for each in best
    ]
    told = ", ".join(f"{each.rule} {_plain(each)}" for each in best[:4])
    alt = f"Compute saved against best trials killed by {len(best)} rules: {told}."
    caption = (
        f"To the right: more compute saved; up: more of the best trials killed. The line joins the rules that no other "
        f"beats. Means of {found.orders} random orders on {WORKERS} workers."
    )
    headings = ("rule", "compute saved, %", "best trials killed, %", "regret", "money saved", "beaten by none")
    return section(
        heading, paragraph(_about(found, found.grid)), plot("judged", alt, caption),
        table(headings, rows, frozenset({1, 2, 3, 4})),
    )  # fmt: skip


def in_words(found: Replayed) -> str | None:
    """The rule that would have cost least, in a sentence for alerts (ASCII, one line); None when nothing was
    replayed.
    """
    if not found.outcomes:
        return None
    best = min(found.outcomes, key=lambda each: (each.saved_and_killed[1], -each.saved_and_killed[0]))
    saved, killed = best.saved_and_killed
    if saved < _NOTHING:
        return f"no rule across trials would have saved anything of these {found.total} trials"
    harm = "none of the best trials" if not killed else f"{100 * killed:.0f} % of the best trials"
    default = next(each for each in found.outcomes if each.rule == DEFAULT_RULE)
    beside = "" if best is default else f"; {DEFAULT_RULE} {_plain(default)}"
    return f"{best.rule} would have saved {100 * saved:.0f} % of the training time and killed {harm}{beside}"


def _about(found: Replayed, grid: Grid) -> str:
    sample = f"{len(grid.trials)} of " if len(grid.trials) < found.total else ""
    left = f" {grid.incomplete} that did not are left out." if grid.incomplete else ""
    return (
        f"Every rule that looks across trials, with its defaults, replayed over {sample}the {found.total} trials that "
        f"trained to their end, judging by {grid.metric}.{left} Killed: of the best 5 %, those whose best before the "
        f"stop is more than 5 % worse than their own best. Regret: how much worse the best seen would be."
    )


def _share(outcome: Outcome, score: str) -> str:
    mean = outcome.means[score]
    assert mean is not None
    low, high = 100 * mean.low, 100 * mean.high
    shown = f"{100 * mean.mean:.1f}"
    return shown if f"{low:.1f}" == f"{high:.1f}" else f"{shown} ({low:.1f} to {high:.1f})"


def _number(outcome: Outcome, score: str, form: str) -> str:
    mean = outcome.means[score]
    return "" if mean is None else format(mean.mean, form)


def _amount(outcome: Outcome) -> str:
    mean = outcome.means["saved_cost"]
    return "" if mean is None else escape(money(mean.mean, outcome.currency))


def _plain(outcome: Outcome) -> str:
    saved, killed = outcome.saved_and_killed
    return f"saves {100 * saved:.0f} % and kills {100 * killed:.0f} %"


def drawn_judgement(found: Replayed) -> Sequence[Mapping[str, object]]:
    """The data that the script draws: shares in percent."""
    front = set(pareto([each.saved_and_killed for each in found.outcomes]))
    return [
        {"rule": each.rule, "saved": round(100 * saved, 2), "killed": round(100 * killed, 2), "front": place in front}
        for place, each in enumerate(found.outcomes)
        for saved, killed in [each.saved_and_killed]
    ]

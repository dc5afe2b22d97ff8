"""The first and the last section of a report: what was asked and answered, and what it took."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from gridwatch.domain.regions import CANCELLED_IN
from gridwatch.reports.experiment.costs import spent_and_saved
from gridwatch.reports.experiment.facts import ExperimentFacts
from gridwatch.reports.interactive import facts
from gridwatch_rules.page import section


def summary(found: ExperimentFacts) -> str:
    experiment = found.tables.experiment
    verdict = found.verdict
    kind = {True: "calm", False: "alarm", None: "muted"}[verdict.holds]
    pairs = [("Hypothesis", escape(experiment["hypothesis"] or "none was written down"))]
    if experiment["hypothesis"] or found.expression:
        judged = f"<code>{escape(found.expression)}</code>: " if found.expression else ""
        said = f'{judged}<span class="{kind}">{verdict.word}</span>, {escape(verdict.reason)}'
        pairs.append(("Verdict", said))
    pairs.append(("Trials", ", ".join(f"{count} {state}" for state, count in found.states) or "none"))
    pairs += [("Doomed region", escape(each)) for each in _regions(found)]
    pairs.append(("Best by last value", _best(found)))
    pairs += [("Best by best value", each) for each in _best_reached(found)]
    pairs += [(name, escape(value)) for name, value in _totals(found)]
    whole = "everything is over and was read" if found.complete else f"not complete: {experiment['incomplete_reason']}"
    pairs.append(("As of", escape(f"{experiment['as_of']:%Y-%m-%d %H:%M:%S} UTC ({whole})")))
    return section("Summary", facts(pairs))


def _regions(found: ExperimentFacts) -> Iterator[str]:
    reasons = Counter(each["reason"] for each in found.tables.trials if (each["reason"] or "").startswith(CANCELLED_IN))
    for reason, count in sorted(reasons.items()):
        yield f"{reason.removeprefix(CANCELLED_IN)}: {count} point{'s' if count > 1 else ''} held back"


def _best(found: ExperimentFacts) -> str:
    if not found.order:
        reported = any(trial["objective_value"] is not None for trial in found.tables.trials)
        none = f"no last value of {found.metric} is finite" if reported else f"none has a value of {found.metric}"
        return escape(none)
    place = found.order[0]
    trial = found.tables.trials[place]
    named = ", ".join(f"{name} {shown(found.hyperparameters[place].get(name))}" for name in found.varied)
    value = f"<b>{escape(shown(trial['objective_value']))}</b>"
    return f"{escape(trial['trial_id'])}, {escape(found.metric)} {value} {escape(f'({named})' if named else '')}"


def _best_reached(found: ExperimentFacts) -> Iterator[str]:
    """The trial whose best value is the best of all; a training can get worse again afterwards."""
    # Tables of earlier versions have no such column.
    reached = [trial for trial in found.tables.trials if _finite(trial.get("objective_best"))]
    if reached:
        sign = -1 if found.direction == "maximize" else 1
        best = min(reached, key=lambda trial: sign * trial["objective_best"])
        value = f"<b>{escape(shown(best['objective_best']))}</b> at {_where(best)}"
        yield f"{escape(best['trial_id'])}, {escape(found.metric)} {value}"


def _where(trial: Mapping[str, Any]) -> str:
    """The place of a value: a line for a log, where lines without a metric are not counted; a step for a hook."""
    step = shown(trial["objective_best_step"])
    return (
        f"line {step} of those with a metric in its log" if trial.get("objective_source") == "log" else f"step {step}"
    )


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _totals(found: ExperimentFacts) -> Iterator[tuple[str, str]]:
    trials = found.tables.trials
    begun = [each["started_at"] for each in trials if each["started_at"]]
    over = [each["ended_at"] for each in trials if each["ended_at"]]
    if begun and over:
        yield "Duration", f"{duration((max(over) - min(begun)).total_seconds())} from the first start to the last end"
    yield from spent_and_saved(found)


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.3g} s"


def seconds(value: float | None) -> str:
    """Seconds with four significant digits, and no fraction from 1,000 on."""
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"


def shown(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else str(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

"""What a report says first and last: what was asked and answered, and what it took."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from gridwatch.launch.regions import CANCELLED_IN
from gridwatch.reports.experiment.facts import ExperimentFacts
from gridwatch.reports.interactive import facts
from gridwatch.reports.page import paragraph, section, table


def money(found: ExperimentFacts) -> str:
    rows = []
    for state, count in found.states:
        trials = [each for each in found.tables.trials if each["state"] == state]
        seconds = [each["training_seconds"] for each in trials if each["training_seconds"] is not None]
        costs = [each["cost"] for each in trials if each["cost"] is not None]
        rows.append((escape(state), str(count), duration(sum(seconds)) if seconds else "", _money(found, costs)))
    saved = [each for each in found.tables.findings if each["action"] == "stop" and each["saved_seconds"] is not None]
    would = [each for each in found.tables.findings if each["shadow"] and each["saved_seconds"] is not None]
    for label, each in (("saved by stops", saved), ("stops would have saved (shadow)", would)):
        if each:
            costs = [one["saved_cost"] for one in each if one["saved_cost"] is not None]
            total = duration(sum(one["saved_seconds"] for one in each))
            rows.append((escape(label), str(len(each)), total, _money(found, costs)))
    rows += _audited(found)
    if not rows:
        return section("Time and money", paragraph("Nothing has been spent.", "muted"))
    prices = found.prices
    text = (
        f"Costs are estimates: billed seconds by the prices of {prices.source}, {prices.date}. What was saved is what "
        "was estimated when the stop was decided."
    )
    listed = table(("trials", "count", "training time", "cost"), rows, frozenset({1, 2, 3}))
    return section("Time and money", listed, paragraph(text, "muted"))


def _audited(found: ExperimentFacts) -> Iterator[tuple[str, str, str, str]]:
    """Stops that were decided and not carried out, to see what they are worth: estimated, and what came of them."""
    audited = [each for each in found.tables.findings if each["audited"] and each["saved_seconds"] is not None]
    over = [each for each in audited if each["job_seconds_after"] is not None]
    for label, group, seconds, cost in (
        ("audited stops, estimated to save", audited, "saved_seconds", "saved_cost"),
        ("audited stops, really trained on", over, "job_seconds_after", "job_cost_after"),
    ):
        if group:
            costs = [each[cost] for each in group if each[cost] is not None]
            best = sum(bool(each["job_was_best"]) for each in group)
            named = f"{label}, the best trial among them" if best and group is over else label
            yield escape(named), str(len(group)), duration(sum(each[seconds] for each in group)), _money(found, costs)


def _money(found: ExperimentFacts, costs: Sequence[float]) -> str:
    return f"{sum(costs):.2f} {escape(found.prices.currency)}" if costs else ""


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
        return f"none has a value of {escape(found.metric)}"
    place = found.order[0]
    trial = found.tables.trials[place]
    named = ", ".join(f"{name} {shown(found.hyperparameters[place].get(name))}" for name in found.varied)
    value = f"<b>{escape(shown(trial['objective_value']))}</b>"
    return f"{escape(trial['trial_id'])}, {escape(found.metric)} {value} {escape(f'({named})' if named else '')}"


def _best_reached(found: ExperimentFacts) -> Iterator[str]:
    """The trial whose best value is the best of all; a training can get worse again after it."""
    # Tables of earlier versions have no such column.
    reached = [trial for trial in found.tables.trials if _finite(trial.get("objective_best"))]
    if reached:
        sign = -1 if found.direction == "maximize" else 1
        best = min(reached, key=lambda trial: sign * trial["objective_best"])
        value = f"<b>{escape(shown(best['objective_best']))}</b> at step {shown(best['objective_best_step'])}"
        yield f"{escape(best['trial_id'])}, {escape(found.metric)} {value}"


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _totals(found: ExperimentFacts) -> Iterator[tuple[str, str]]:
    trials = found.tables.trials
    begun = [each["started_at"] for each in trials if each["started_at"]]
    over = [each["ended_at"] for each in trials if each["ended_at"]]
    if begun and over:
        yield "Duration", f"{duration((max(over) - min(begun)).total_seconds())} from the first start to the last end"
    costs = [each["cost"] for each in trials if each["cost"] is not None]
    if costs:
        yield "Spent", f"about {sum(costs):.2f} {found.prices.currency} (estimate)"
    saved = [each for each in found.tables.findings if each["action"] == "stop" and each["saved_seconds"] is not None]
    if saved:
        spared = [each["saved_cost"] for each in saved if each["saved_cost"] is not None]
        money_too = f" and {sum(spared):.2f} {found.prices.currency}" if spared else ""
        total = duration(sum(each["saved_seconds"] for each in saved))
        yield "Saved", f"about {total}{money_too} by {len(saved)} stop{'s' if len(saved) > 1 else ''} (estimate)"


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

"""The alert that tells in one message what a gate has held back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gridwatch.alerts.content import Alert, Fact, Severity, content_of
from gridwatch.alerts.gates import HOUR, follow_up_id
from gridwatch.alerts.shared_values import SIGNIFICANT, SharedValue, shared_values
from gridwatch.domain.alerts import AlertGate, AlertRecord
from gridwatch.domain.trials import TrialRecord
from gridwatch.state.codec import to_document
from gridwatch_rules.wording import counted

FOLLOW_UP = "follow_up"
HELD_BACK = "held_back"
_LISTED = 50
_ORDER = (Severity.INFO, Severity.WARNING, Severity.CRITICAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Concerned:
    """The alerts of one cause: those that are told now, those told before, and all trials of their experiment."""

    collected: Sequence[AlertRecord]
    before: Sequence[AlertRecord]
    trials: Sequence[TrialRecord]


def follow_up(gate: AlertGate, concerned: Concerned, now: datetime) -> AlertRecord:
    """The alert about what came after the first alert of a cause. It belongs to the experiment, and so to the first
    alert's thread.
    """
    first = concerned.collected[0]
    affected = {alert.trial_id for alert in (*concerned.before, *concerned.collected)}
    count = len(concerned.collected)
    titles = [content_of(alert).title for alert in concerned.collected]
    cause = _named(first)
    alert = Alert(
        kind=FOLLOW_UP,
        severity=_greatest(concerned.collected),
        title=f"{cause}: {count} more {_trials(count)} of {first.experiment}",
        summary=f"{cause} concerns {count} more {_trials(count)} of {first.experiment} since the first alert, "
        f"{len(affected)} of {len(concerned.trials)} so far.",
        facts=(Fact("Experiment", first.experiment or ""), *_in_common(affected, concerned.trials)),
        details=_listed(titles),
        commands=(f"gridwatch status {first.experiment}",),
    )
    return _record(gate, alert, first.experiment, now)


def held_back(gate: AlertGate, collected: Sequence[AlertRecord], now: datetime) -> AlertRecord:
    """The alert about what was held back in the quiet hours, or beyond the hourly limit."""
    count = len(collected)
    reason = "beyond the limit of an hour" if gate.gate_id == HOUR else "in the quiet hours"
    contents = [(alert, content_of(alert)) for alert in collected]
    experiments = sorted({alert.experiment for alert in collected if alert.experiment})
    alerts = "One alert" if count == 1 else f"{count} alerts"
    alert = Alert(
        kind=HELD_BACK,
        severity=_greatest(collected),
        title=f"{alerts} held back {reason}",
        summary=f"{alerts} came {reason} and {'was' if count == 1 else 'were'} held back until now.",
        facts=(Fact("Experiments", ", ".join(experiments)),) if experiments else (),
        details=_listed([f"{alert.created_at:%d %b %H:%M} UTC  {content.title}" for alert, content in contents]),
        commands=tuple(f"gridwatch status {experiment}" for experiment in experiments[:10]),
    )
    return _record(gate, alert, experiments[0] if len(experiments) == 1 else None, now)


def _record(gate: AlertGate, alert: Alert, experiment: str | None, now: datetime) -> AlertRecord:
    return AlertRecord(
        alert_id=follow_up_id(gate),
        experiment=experiment,
        kind=alert.kind,
        content=to_document(alert),
        created_at=now,
    )


def _named(alert: AlertRecord) -> str:
    """The cause in words: the rule, or that jobs fail."""
    if alert.kind == "trial_failed":
        return "Failed training jobs"
    status, _, rule = (alert.cause or "").partition(f" {alert.experiment} ")
    return f"Failed rule {rule}" if status == "Error" else rule


def _in_common(affected: set[str | None], trials: Sequence[TrialRecord]) -> tuple[Fact, ...]:
    hit = [trial.hyperparameters for trial in trials if trial.trial_id in affected]
    rest = [trial.hyperparameters for trial in trials if trial.trial_id not in affected]
    if not rest:
        return (Fact("In common", "all trials of the experiment are affected"),)
    found, compared = shared_values(hit, rest)
    if not found:
        return (Fact("In common", f"no hyperparameter sets them apart from the {len(rest)} others"),)
    method = (
        f"values more frequent among the {len(hit)} affected than among the {len(rest)} others, "
        f"by one-sided Fisher's exact test, p at most {SIGNIFICANT:g}; {compared} values compared"
    )
    return (Fact("In common", "; ".join(map(_sentence, found))), Fact("Method", method))


def _sentence(shared: SharedValue) -> str:
    others = f"{shared.elsewhere or 'none'} of {shared.without} without"
    return (
        f"{shared.affected} of {counted(shared.with_value, 'trial')} with {shared.name} {_text(shared.value)} "
        f"({others}, p = {shared.probability:.2g})"
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _listed(lines: Sequence[str]) -> tuple[str, ...]:
    more = len(lines) - _LISTED
    return (*lines[:_LISTED], *([f"… and {more} more"] if more > 0 else []))


def _greatest(alerts: Sequence[AlertRecord]) -> Severity:
    return max((content_of(alert).severity for alert in alerts), key=_ORDER.index)


def _trials(count: int) -> str:
    return "trial" if count == 1 else "trials"

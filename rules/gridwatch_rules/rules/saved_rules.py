"""The one form in which evaluations keep their rules, whatever they look at: tensors, the profile, other trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.status_change import RuleEvaluation
from gridwatch_rules.status import RuleStatus

VERSION = 1


@dataclass(frozen=True, slots=True)
class SavedRule:
    """One rule as it was kept. `rule` is its class in the catalogue; `state` is what it goes on from, as JSON, which is
    empty when it has its verdict. `judged` says how often it has judged, of a rule across trials up to which resource;
    None when it has not, or when a former version kept it.
    """

    rule: str
    evaluation: RuleEvaluation
    state: Mapping[str, Any] = field(default_factory=dict)
    judged: float | None = None

    def as_json(self) -> dict[str, Any]:
        finding = self.evaluation.finding
        return {
            "rule": self.rule,
            "status": self.evaluation.status.value,
            "details": self.evaluation.details,
            "finding": finding.as_json() if finding else None,
            "state": dict(self.state),
            "judged": self.judged,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> SavedRule:
        finding = Finding.from_json(kept["finding"]) if kept["finding"] else None
        evaluation = RuleEvaluation(RuleStatus(kept["status"]), kept["details"], finding)
        return cls(kept["rule"], evaluation, kept.get("state") or {}, kept.get("judged"))


def save_rules(rules: Mapping[str, SavedRule]) -> dict[str, Any]:
    """The rules by their names, as JSON."""
    return {"version": VERSION, "rules": {name: saved.as_json() for name, saved in rules.items()}}


def read_rules(saved: Mapping[str, Any], classes: Mapping[str, str], *, kind: str) -> dict[str, SavedRule]:
    """The rules that were saved and still have the class that `classes` names.

    Raises ValueError for a state, which is called `kind`, that another version saved.
    """
    if saved.get("version") != VERSION:
        raise ValueError(f"{kind} of version {saved.get('version')!r}, not {VERSION}")
    kept = {name: saved["rules"].get(name) for name in classes}
    return {
        name: SavedRule.from_json(each)
        for name, each in kept.items()
        if each is not None and each["rule"] == classes[name]
    }

"""A rule's finding, with all that is needed to react, to inform people, and to look it up later."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch_rules.tensors.modes import Mode

HOOK = "hook"


@dataclass(frozen=True, slots=True)
class Curve:
    """The last values of a finding's tensor, by step."""

    steps: tuple[int, ...]
    values: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, in which values that are not finite are texts."""
        return {"steps": list(self.steps), "values": [_json_number(value) for value in self.values]}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Curve:
        return cls(tuple(int(step) for step in document["steps"]), tuple(float(value) for value in document["values"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`rule` fired at step `step` of a source: `observed` against `threshold`, in the unit that `sentence` names.

    `evidence`, as JSON, is what a rule across trials, or one on heartbeats, judged by; None for the others. `curve` is
    what led to the finding, where it is told and known.
    """

    rule: str
    step: int
    mode: Mode
    sentence: str
    tensor: str | None = None
    observed: float | None = None
    threshold: float | None = None
    evidence: Mapping[str, Any] | None = None
    source: str = HOOK  # gridwatch_rules.streams.metric_source.MetricSource: whose steps these are
    curve: Curve | None = None

    def as_json(self) -> dict[str, Any]:
        """The finding as plain JSON, with numbers that are not finite as text ("nan", "inf")."""
        return {
            "rule": self.rule,
            "step": self.step,
            "mode": self.mode.name,
            "tensor": self.tensor,
            "observed": _json_number(self.observed),
            "threshold": _json_number(self.threshold),
            "sentence": self.sentence,
            **({"source": self.source} if self.source != HOOK else {}),
            **({"evidence": _json_numbers(self.evidence)} if self.evidence is not None else {}),
            **({"curve": self.curve.as_json()} if self.curve is not None else {}),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Finding:
        return cls(
            rule=document["rule"],
            step=int(document["step"]),
            mode=Mode[document["mode"]],
            tensor=document["tensor"],
            observed=None if document["observed"] is None else float(document["observed"]),
            threshold=None if document["threshold"] is None else float(document["threshold"]),
            sentence=document["sentence"],
            evidence=document.get("evidence"),
            source=document.get("source", HOOK),
            curve=Curve.from_json(document["curve"]) if document.get("curve") else None,
        )


def _json_number(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(float(value))


def _json_numbers(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _json_numbers(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_json_numbers(each) for each in value]
    return _json_number(value) if isinstance(value, float) else value

"""The spec's sections about the dial of stopping, the audit of stops and doomed regions."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from gridwatch.spec.parts.section import Section
from gridwatch_rules.judgement.stopping import STOPPING_RULE, STOPPINGS

_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")


def percent(value: Any) -> Any:
    """A percentage such as `5 %` as a number."""
    found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    return float(found[1]) / 100 if found else value


_Share = Annotated[float, Field(ge=0, le=1)]


class Audit(Section):
    """The share of trials that is let run on after a stop was decided, to show what stops cost."""

    share: Annotated[
        _Share,
        BeforeValidator(percent, json_schema_input_type=_Share | str),
        Field(description="of the trials: `5 %`, or 0.05"),
    ]
    seed: Annotated[int, Field(ge=0, le=1_000_000, description="another seed chooses other trials")] = 0


def as_audit(value: Any) -> Any:
    """The full form of an audit given as a share alone."""
    return value if isinstance(value, dict) or value is None else {"share": value}


AuditField = Annotated[
    Audit | None,
    BeforeValidator(as_audit, json_schema_input_type=float | str | Audit | None),
    Field(description="share of the trials that are let run on after a stop was decided, to see what stops cost"),
]


class DoomedRegions(Section):
    """What is done with trials that wait in a part of the search space where trials fail."""

    action: Annotated[
        Literal["cancel", "last"],
        Field(description="cancel the points that wait there, or launch them after all others"),
    ] = "cancel"
    confidence: Annotated[float, Field(ge=0.5, lt=1, description="with which the share must be reached")] = 0.95
    share: Annotated[float, Field(gt=0, lt=1, description="of the region's points that fail")] = 0.5
    min_failures: Annotated[int, Field(ge=2, le=1_000, description="that there must be in the region")] = 4


STOPPING_NAME = "stopping"  # the name of the rule that the dial adds

StoppingField = Annotated[
    Literal["cautious", "balanced", "eager"] | None,
    Field(
        description="stop what will not be good, this readily: the rule GridDefault at that setting, with on_issue stop"
    ),
]


def with_dial(document: Any) -> Any:
    """The spec's document with the rule that `stopping` stands for. A rule GridDefault that is called `stopping` is
    there already where a spec is read that was written out in full; it keeps what it says beside its setting.
    """
    if not isinstance(document, dict) or document.get("stopping") not in STOPPINGS:
        return document
    rules = document.get("rules")
    if rules is not None and not isinstance(rules, list):
        return document
    dial = {"rule": STOPPING_RULE, "name": STOPPING_NAME, "on_issue": "stop"}
    kept = [each for each in rules or [] if not _is_dial(each)]
    said: dict[str, Any] = next((each for each in rules or [] if _is_dial(each)), {})
    parameters = {**(said.get("parameters") or {}), "stopping": document["stopping"]}
    return {**document, "rules": [*kept, {**dial, **said, "parameters": parameters}]}


def _is_dial(rule: Any) -> bool:
    return isinstance(rule, dict) and (rule.get("rule"), rule.get("name")) == (STOPPING_RULE, STOPPING_NAME)

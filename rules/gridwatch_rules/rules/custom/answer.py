"""The answer, in JSON, of the process that ran a user's rule. That process runs the user's code, so its answer is not
trusted.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.status_change import RuleEvaluation
from gridwatch_rules.status import RuleStatus, condition_met
from gridwatch_rules.tensors.modes import Mode

MAX_ANSWER = 64 * 1024  # bytes
LONGEST_DETAILS = 1024  # longest StatusDetails of the SageMaker API
_STATUSES = tuple(status for status in RuleStatus if status not in (RuleStatus.STOPPING, RuleStatus.STOPPED))
_MAX_STEP = 10**12  # the layout of tensors has twelve digits for a step
_LONGEST_NAME = 256
_LONGEST_SENTENCE = 500


def as_answer(found: RuleEvaluation) -> dict[str, Any]:
    """Convert an evaluation to its answer in JSON."""
    finding = found.finding.as_json() if found.finding else None
    return {"status": found.status.value, "details": found.details, "finding": finding}


def failed(reason: str) -> RuleEvaluation:
    """The evaluation of a rule that did not come to an answer."""
    return RuleEvaluation(RuleStatus.ERROR, line(f"CustomRuleError: {reason}", LONGEST_DETAILS))


def parse_answer(text: bytes | str, rule: str) -> RuleEvaluation:
    """Parse the answer about `rule`. An invalid answer becomes an evaluation of status Error. Each text is cut to one
    line.
    """
    if len(text) > MAX_ANSWER:
        return failed("its answer is too long")
    try:
        return _evaluation(json.loads(text), rule)
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        return failed(f"its answer cannot be read: {error!r}")


def line(text: str, longest: int) -> str:
    """Shorten a text to one line of printable characters, because it goes into logs, tables and mails."""
    flat = " ".join(re.sub(r"[^\S ]|[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", " ", text).split())
    return flat if len(flat) <= longest else f"{flat[: longest - 1]}…"


def _evaluation(answer: Mapping[str, Any], rule: str) -> RuleEvaluation:
    status = RuleStatus(answer["status"])
    if status not in _STATUSES:
        raise ValueError(f"status {status}")
    details = line(_text(answer["details"]), LONGEST_DETAILS)
    if status is not RuleStatus.ISSUES_FOUND:
        return RuleEvaluation(status, details)
    finding = _finding(answer["finding"], rule)
    return RuleEvaluation(status, condition_met(rule, finding.step), finding)


def _finding(document: Mapping[str, Any], rule: str) -> Finding:
    step = document["step"]
    if isinstance(step, bool) or not isinstance(step, int) or not -1 <= step < _MAX_STEP:
        raise ValueError(f"step {step!r}")
    tensor = document["tensor"]
    return Finding(
        rule=rule,
        step=step,
        mode=Mode[_text(document["mode"])],
        tensor=None if tensor is None else line(_text(tensor), _LONGEST_NAME),
        observed=_number(document["observed"]),
        threshold=_number(document["threshold"]),
        sentence=line(_text(document["sentence"]), _LONGEST_SENTENCE),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where a text belongs")
    return value


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, str) and value in ("nan", "inf", "-inf"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{type(value).__name__} where a number belongs")
    return float(value)

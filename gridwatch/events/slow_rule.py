"""The queued request to run one slow rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gridwatch.events.messages import EvaluateSlowRule


def slow_rule_request(body: Mapping[str, Any]) -> EvaluateSlowRule:
    """The request in a message. Raises ValueError for any other message."""
    names = (body.get("job_name"), body.get("rule_name"))
    if body.get("type") != EvaluateSlowRule.__name__ or not all(isinstance(name, str) for name in names):
        raise ValueError("not a request to evaluate a slow rule")
    return EvaluateSlowRule(str(names[0]), str(names[1]), ended=body.get("ended") is True)

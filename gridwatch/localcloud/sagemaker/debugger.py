"""Decides whether the account has Debugger: like most, it has not, unless the local cloud is told otherwise.

What SageMaker answers an account without it is published nowhere; code and words are an assumption.
"""

from collections.abc import Mapping
from typing import Any

from gridwatch.localcloud.sagemaker.errors import validation_error

_FIELDS = ("DebugHookConfig", "DebugRuleConfigurations", "ProfilerRuleConfigurations")


def refuse_debugger(request: Mapping[str, Any], *, available: bool) -> None:
    """Raise a ValidationException if the request asks for Debugger and the account has none."""
    if available:
        return
    asked = [name for name in _FIELDS if request.get(name)]
    if "ProfilerConfig" in request and not request["ProfilerConfig"].get("DisableProfiler", False):
        asked.append("ProfilerConfig")
    if asked:
        raise validation_error(
            f"{', '.join(asked)}: Amazon SageMaker Debugger is not available to this account. It is closed to new "
            "customers since July 30, 2026."
        )

"""Errors in the way that rules are configured. The spec or the command must change."""

from __future__ import annotations

from gridwatch_rules.failures import PermanentError


class RuleConfigurationError(PermanentError, ValueError):
    """A rule or a parameter does not exist, or cannot have the given value. The message lists what is allowed."""

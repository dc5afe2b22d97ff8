"""What can be wrong with how rules are asked for. The spec or the command must change."""

from __future__ import annotations

from gridwatch_rules.failures import PermanentError


class RuleConfigurationError(PermanentError, ValueError):
    """A rule or a parameter that does not exist, or a value it cannot take. The message lists what is allowed."""

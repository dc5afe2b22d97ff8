"""Debugger's actions when a rule fires. Here they only log, because the rule's policy (`on_issue`) acts."""

from gridwatch_rules.rules.custom.smdebug.rules.action.action import Actions

__all__ = ["Actions"]

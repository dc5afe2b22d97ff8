"""What Debugger does when a rule fires. Here it is written down alone: a rule's policy (`on_issue`) acts."""

from gridwatch_rules.rules.custom.smdebug.rules.action.action import Actions

__all__ = ["Actions"]

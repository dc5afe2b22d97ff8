"""The action that sends a message to people."""

from __future__ import annotations

from gridwatch_rules.rules.custom.smdebug.core.logger import get_logger


class MessageAction:
    """Writes a line to the log, because Gridwatch sends alerts, and not a rule."""

    def __init__(self, rule_name: str, message_type: str, message_endpoint: str) -> None:
        self._rule_name = rule_name
        self._protocol = message_type
        self._message_endpoint = message_endpoint

    def invoke(self, message: str) -> None:
        get_logger().info("%s fired: no %s is sent by the rule. %s", self._rule_name, self._protocol, message)

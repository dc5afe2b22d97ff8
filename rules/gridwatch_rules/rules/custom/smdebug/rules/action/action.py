"""A rule's actions, parsed as smdebug does."""

from __future__ import annotations

import json
from typing import Any

from gridwatch_rules.rules.custom.smdebug.core.logger import get_logger
from gridwatch_rules.rules.custom.smdebug.rules.action.message_action import MessageAction
from gridwatch_rules.rules.custom.smdebug.rules.action.stop_training_action import StopTrainingAction

ALLOWED_ACTIONS = ["stoptraining", "sms", "email"]


class Actions:
    """The actions in `{"name": "StopTraining", "training_job_prefix": …}`, `{"name": "email", "endpoint": …}` or a list
    of these.
    """

    def __init__(self, actions_str: str | None, rule_name: str) -> None:
        self._actions: list[Any] = []
        self._logger = get_logger()
        text = actions_str.strip() if actions_str is not None else ""
        if text:
            self._register_actions(text, rule_name)

    def _register_actions(self, actions_str: str = "", rule_name: str = "") -> None:
        document = json.loads(actions_str.lower())
        for each in [document] if isinstance(document, dict) else document if isinstance(document, list) else []:
            action = _action(each, rule_name)
            if action is None:
                self._logger.info("Action %s is not supported; names are %s", each, ALLOWED_ACTIONS)
            else:
                self._actions.append(action)

    def invoke(self, message: str = "") -> None:
        for action in self._actions:
            action.invoke(message)


def _action(given: Any, rule_name: str) -> StopTrainingAction | MessageAction | None:
    if not isinstance(given, dict):
        return None
    name, prefix, endpoint = given.get("name"), given.get("training_job_prefix"), given.get("endpoint")
    if name == "stoptraining" and prefix is not None:
        return StopTrainingAction(rule_name, prefix)
    if name in ("sms", "email") and endpoint is not None:
        return MessageAction(rule_name, name, endpoint)
    return None

"""Runs custom rules in a Lambda function of their own."""

from __future__ import annotations

import json
from typing import Any

from gridwatch.aws.clients import patient_client
from gridwatch.aws.errors import translated
from gridwatch_rules.failures import TransientError
from gridwatch_rules.rules.custom.answer import MAX_ANSWER, failed, line, parse_answer
from gridwatch_rules.rules.custom.run import CustomRun
from gridwatch_rules.rules.status_change import RuleEvaluation

LONGEST_RUN = 160  # seconds: longer than the function's own timeout
TRY_AGAIN = "try_again"  # in the answer of a function that could not get at code or tensors


class LambdaCustomRules:
    """Implements `gridwatch_rules.rules.custom.run.CustomRules`. The function's answer is validated, never trusted."""

    def __init__(self, function_name: str, lambda_client: Any = None) -> None:
        self._function_name = function_name
        self._lambda = lambda_client

    def run(self, run: CustomRun) -> RuleEvaluation:
        with translated():
            answer = self._client.invoke(FunctionName=self._function_name, Payload=json.dumps(run.as_json()).encode())
            content: bytes = answer["Payload"].read(MAX_ANSWER + 1)
        if answer.get("FunctionError"):
            # Lambda's own words: out of time, out of memory, the process is gone. The rule's code has done that.
            return failed(f"the function that ran it failed: {_message(content)}")
        if reason := _postponed(content):
            raise TransientError(reason)
        return parse_answer(content, run.class_name)

    @property
    def _client(self) -> Any:
        return self._lambda or patient_client("lambda", LONGEST_RUN)


def _message(content: bytes) -> str:
    try:
        return line(str(json.loads(content)["errorMessage"]), 300)
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it does not say why"


def _postponed(content: bytes) -> str | None:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return line(str(document[TRY_AGAIN]), 300) if isinstance(document, dict) and set(document) == {TRY_AGAIN} else None

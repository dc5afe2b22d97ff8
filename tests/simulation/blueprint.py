"""Reads queues, functions, rules and schedules from the synthesized template, which is all that the simulation
knows.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.template.synthesized import Synthesized

SETTINGS = {"launch_rate_per_second": 20, "alert_group_seconds": 60}
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True)
class Blueprint(Synthesized):
    """The template's content. References to queues are their addresses."""

    @classmethod
    def create(cls, folder: Path) -> Blueprint:
        os.environ["CDK_VALIDATION"] = "false"
        from infra.app import create_app

        create_app({**SETTINGS, "aws:cdk:disable-asset-staging": True}, outdir=str(folder)).synth()
        return cls(folder)

    @cached_property
    def queues(self) -> Mapping[str, Mapping[str, Any]]:
        """The queues' properties by address."""
        return {self.resolve({"Ref": name}): each for name, each in self.of_type("AWS::SQS::Queue").items()}

    @cached_property
    def environment(self) -> dict[str, str]:
        """The environment of all functions together: variables that two of them share have the same values."""
        together: dict[str, str] = {}
        for function in self.functions.values():
            for key, value in function.environment.items():
                if not key.startswith("POWERTOOLS"):
                    assert together.setdefault(key, value) == value, key
        # As CloudFormation would have it: SageMaker takes nothing else for a role.
        return together | {"JOB_ROLE_ARN": "arn:aws:iam::123456789012:role/gridwatch-training"}

    @cached_property
    def sources(self) -> Mapping[str, tuple[str, Mapping[str, Any]]]:
        """The function that reads each queue, by the queue's address, and how."""
        names = {each.logical_id: each.name for each in self.functions.values()}
        return {
            self.address(each["EventSourceArn"]): (names[each["FunctionName"]], each)
            for each in self.of_type("AWS::Lambda::EventSourceMapping").values()
        }

    @cached_property
    def invoke_configs(self) -> Mapping[str, Mapping[str, Any]]:
        """The retries of EventBridge's invocations, by function."""
        names = {each.logical_id: each.name for each in self.functions.values()}
        configs = self.of_type("AWS::Lambda::EventInvokeConfig").values()
        return {names[each["FunctionName"]]: each for each in configs}

    @cached_property
    def patterns(self) -> list[tuple[str, list[Mapping[str, Any]]]]:
        """Each rule's pattern and targets."""
        return [
            (json.dumps(rule["EventPattern"]), rule["Targets"]) for _, rule in self.rules() if "EventPattern" in rule
        ]

    @cached_property
    def schedules(self) -> list[tuple[float, list[Mapping[str, Any]]]]:
        return list(self._schedules())

    def _schedules(self) -> Iterator[tuple[float, list[Mapping[str, Any]]]]:
        for _, rule in self.rules():
            if "ScheduleExpression" in rule:
                found = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", rule["ScheduleExpression"])
                assert found is not None, rule["ScheduleExpression"]
                yield int(found[1]) * _SECONDS[found[2]], rule["Targets"]

    def function_of(self, arn: str) -> str | None:
        """The function behind a target's ARN; None for a queue."""
        logical_id = arn.removeprefix("arn:of:")
        return next((each.name for each in self.functions.values() if each.logical_id == logical_id), None)

    def address(self, arn: str) -> str:
        """The queue's address, by its ARN."""
        return str(self.resolve({"Ref": arn.removeprefix("arn:of:")}))

    def _reference(self, logical_id: str) -> str:
        properties = self.raw["Resources"].get(logical_id, {}).get("Properties", {})
        if "QueueName" in properties:
            return f"https://sqs.eu-west-1.amazonaws.com/123456789012/{self.resolve(properties['QueueName'])}"
        return super()._reference(logical_id)

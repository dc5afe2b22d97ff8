"""Reads what the strict profile saw of a story: calls refused, permissions needed."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.permissions.grants import Grant, policies, template_of

# Name of the variable with a folder: each test writes there which permissions it needed.
USED = "GRIDWATCH_PERMISSIONS_USED"
_QUIET = 15.0  # seconds; a message may wait for five of them and a snapshot take as long
_LOOKS = 12


class RefusedError(AssertionError):
    """AWS would refuse a call that a story makes."""


@dataclass(frozen=True)
class Permissions:
    """The permissions of a deployment. `known`: role, action and resource as deployed, and as the template has them;
    `roles` likewise.
    """

    endpoint: str
    roles: Mapping[str, str]
    known: Mapping[tuple[str, str, str], Grant]

    @classmethod
    def of(cls, assembly: Path, endpoint: str, session: boto3.Session) -> Permissions:
        """The policies as deployed, statement by statement beside the template's."""
        pages = session.client("cloudformation", endpoint_url=endpoint).get_paginator("list_stack_resources")
        names = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages.paginate(StackName="gridwatch")
            for resource in page["StackResourceSummaries"]
        }
        iam = session.client("iam", endpoint_url=endpoint)
        roles, known = {}, {}
        for policy in policies(template_of(assembly)):
            role = names[policy.role_id]
            roles[role] = policy.role
            document = iam.get_role_policy(RoleName=role, PolicyName=policy.name)["PolicyDocument"]
            deployed = json.loads(document) if isinstance(document, str) else document
            for mine, theirs in zip(policy.statements, deployed["Statement"], strict=True):
                for label, resource in zip(mine.labels, _listed(theirs["Resource"]), strict=True):
                    for action in mine.actions:
                        known[role, action, resource] = Grant(policy.role, action, label)
        return cls(endpoint, roles, known)

    def check(self) -> None:
        """Check the calls. Raises RefusedError when one was refused since the last story's end."""
        if refused := self._read("GET")["refused"]:
            raise RefusedError("refused: " + "; ".join(self._line(each) for each in refused))

    def settle(self, story: str, seconds: float) -> None:
        """End the story, which took that long, and begin anew for the next one. Raises RefusedError."""
        if os.environ.get(USED):
            self._until_quiet()
        report = self._read("DELETE")
        if folder := os.environ.get(USED):
            needed = sorted(
                {
                    self.known[grant["role"], grant["action"], grant["resource"]]
                    for grant in report["granted"]
                    if grant["needed"]
                }
            )
            document = {"story": story, "seconds": round(seconds, 1), "needed": [grant.words for grant in needed]}
            (Path(folder) / f"{re.sub(r'[^A-Za-z0-9]+', '_', story)}.json").write_text(json.dumps(document))
        if report["refused"]:
            raise RefusedError("refused: " + "; ".join(self._line(each) for each in report["refused"]))

    def _until_quiet(self) -> None:
        """Wait until the story's after-effects are over, such as a snapshot: they would be counted for the next
        story.
        """
        for _ in range(_LOOKS):
            before = self._read("GET")["granted"]
            time.sleep(_QUIET)
            if self._read("GET")["granted"] == before:
                return

    def _line(self, refusal: Mapping[str, str]) -> str:
        who = self.roles.get(refusal["principal"], refusal["principal"])
        return f"{who}: {refusal['action']} on {refusal['resource']} ({refusal['reason']})"

    def _read(self, method: str) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.endpoint}/_localcloud/permissions", method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return dict(json.load(answer))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

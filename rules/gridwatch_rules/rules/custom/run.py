"""The request for one run of a custom rule on one job, sent to the function that may do nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from gridwatch_rules.rules.status_change import RuleEvaluation

_JOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRun:
    """One run of a custom rule. `source` is the S3 address of the rule's file. `ended` means that the job is over, so
    the rule must come to its verdict.
    """

    job_name: str
    source: str
    class_name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    ended: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> CustomRun:
        """Parse a request. Raises ValueError for a document of another shape."""
        try:
            run = cls(
                job_name=document["job_name"],
                source=document["source"],
                class_name=document["class_name"],
                parameters=dict(document["parameters"]),
                ended=document["ended"] is True,
            )
            sound = _JOB.fullmatch(run.job_name) and run.class_name.isidentifier() and isinstance(run.source, str)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"a run of an unknown shape: {error!r}") from error
        if not sound:
            raise ValueError(f"not a job, a file and a class: {run.job_name!r}, {run.source!r}, {run.class_name!r}")
        return run


class CustomRules(Protocol):
    """The port to the place where custom rules run. `gridwatch.aws.custom_rules` implements it; tests have one in
    memory.
    """

    def run(self, run: CustomRun) -> RuleEvaluation:
        """Run the rule. Any failure of its code is an evaluation of status Error. InProgress means that it found
        nothing yet.

        Raises gridwatch_rules.failures errors when it could not be run at all, in which case the caller should try
        again.
        """
        ...

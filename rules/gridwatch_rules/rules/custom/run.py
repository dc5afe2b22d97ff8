"""One run of a custom rule over one job, as it is asked of the function that is allowed nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from gridwatch_rules.rules.status_change import RuleEvaluation

_JOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRun:
    """`source`: the S3 address of the rule's file. `ended`: the job is over, so the rule must come to its verdict."""

    job_name: str
    source: str
    class_name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    ended: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> CustomRun:
        """Raises ValueError for a document of another shape."""
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
    """Where custom rules run. Implementations: `gridwatch.aws.custom_rules` and the tests' in-memory one."""

    def run(self, run: CustomRun) -> RuleEvaluation:
        """What the rule says: whatever its code does is an answer, of status Error. InProgress: nothing yet.

        Raises gridwatch_rules.failures errors when it could not be run at all: ask again.
        """
        ...

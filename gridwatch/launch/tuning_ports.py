"""The port of tuning: what it needs of SageMaker. Implementations: `gridwatch.aws.tuning_service`, and the tests'
in-memory one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gridwatch.domain.descriptions import TuningDescription


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedJob:
    """A training job of a tuning job; `definition` names the one of several definitions that it belongs to."""

    name: str
    definition: str | None = None


class TuningService(Protocol):
    """Tuning jobs on SageMaker. Every method raises gridwatch_rules.failures errors, as those of
    `gridwatch.launch.ports` do.
    """

    def create_tuning(self, request: Mapping[str, Any]) -> str:
        """Hand over a CreateHyperParameterTuningJob request and return its ARN. Raises NameTakenError when the name was
        ever used.
        """
        ...

    def describe_tuning(self, name: str) -> TuningDescription:
        """The tuning job's description. Raises NotFoundError when there is no such tuning job."""
        ...

    def tuning_tags(self, arn: str) -> Mapping[str, str]: ...

    def tuned_jobs(self, name: str) -> Iterable[TunedJob]:
        """All training jobs that it has launched, the youngest first; they are read only as far as the caller
        iterates.
        """
        ...

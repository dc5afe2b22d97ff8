"""What tuning needs of SageMaker. Implementations: `gridwatch.aws.tuning_service`, and the tests' in-memory one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gridwatch.domain.descriptions import TuningDescription


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedJob:
    """A training job of a tuning job; `definition` is the one of several that it is of."""

    name: str
    definition: str | None = None


class TuningService(Protocol):
    """Every method raises gridwatch_rules.failures errors, as those of `gridwatch.launch.ports` do."""

    def create_tuning(self, request: Mapping[str, Any]) -> str:
        """Hand over a CreateHyperParameterTuningJob request; its ARN. NameTakenError when the name was ever used."""
        ...

    def describe_tuning(self, name: str) -> TuningDescription:
        """NotFoundError when there is no such tuning job."""
        ...

    def tuning_tags(self, arn: str) -> Mapping[str, str]: ...

    def tuned_jobs(self, name: str) -> Iterable[TunedJob]:
        """All training jobs that it has launched, the youngest first; asked for as far as they are looked at."""
        ...

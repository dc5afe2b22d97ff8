"""Experiment entities as frozen values, kept by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gridwatch.localcloud.sagemaker.errors import not_found, validation_error
from gridwatch.localcloud.sagemaker.records import MetricSeries


@dataclass(frozen=True, slots=True)
class Entity:
    """An experiment, a trial or a trial component: what was given for it. Times are seconds since the epoch."""

    name: str
    arn: str
    created: float
    modified: float
    members: Mapping[str, Any]
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[MetricSeries, ...] = ()


class EntityStore:
    """Entities of one kind (``Experiment``, ``Trial``, ``TrialComponent``). Callers hold the service's lock."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entities: dict[str, Entity] = {}

    def add(self, entity: Entity) -> None:
        """Add an entity. Raises ValidationException when the name is taken: SageMaker models no ResourceInUse for
        these.
        """
        if entity.name in self._entities:
            raise validation_error(
                f"{self.kind} names must be unique within an AWS account and region. "
                f"{self.kind} with name ({entity.name}) already exists."
            )
        self._entities[entity.name] = entity

    def get(self, name: str) -> Entity:
        """The entity of that name. Raises ResourceNotFound."""
        entity = self.find(name)
        if entity is None:
            raise not_found(f"{self.kind} '{name}' does not exist.")
        return entity

    def find(self, name: str) -> Entity | None:
        return self._entities.get(name)

    def put(self, entity: Entity) -> None:
        self._entities[entity.name] = entity

    def remove(self, name: str) -> Entity:
        entity = self.get(name)
        del self._entities[name]
        return entity

    def all(self) -> list[Entity]:
        return list(self._entities.values())

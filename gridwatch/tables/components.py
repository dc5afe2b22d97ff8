"""A training job's trial component, as SageMaker Search returns it, reduced to what the tables hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from gridwatch.domain.trials import TrialRecord

JOB_SUFFIX = "-aws-training-job"
_FINAL = ("Completed", "Failed", "Stopped")


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """SageMaker's figures for one metric of a job; it keeps no curve."""

    name: str
    min: float | None
    max: float | None
    avg: float | None
    std_dev: float | None
    last: float | None
    count: int | None


@dataclass(frozen=True, slots=True)
class Artifact:
    """One input or output of a job."""

    direction: str  # input, output
    name: str
    uri: str
    media_type: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """One trial component. `status` is its PrimaryStatus."""

    name: str
    status: str | None
    modified_at: datetime | None
    metrics: tuple[MetricSummary, ...] = ()
    artifacts: tuple[Artifact, ...] = ()

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> Component:
        """The component in the TrialComponent of a SearchRecord, whose times are as boto3 returns them."""
        return cls(
            name=record["TrialComponentName"],
            status=(record.get("Status") or {}).get("PrimaryStatus"),
            modified_at=record.get("LastModifiedTime"),
            metrics=tuple(map(_summary, record.get("Metrics") or ())),
            artifacts=(
                *_artifacts("input", record.get("InputArtifacts")),
                *_artifacts("output", record.get("OutputArtifacts")),
            ),
        )

    def as_json(self) -> Mapping[str, Any]:
        """A JSON document that `from_json` reads."""
        return {
            "name": self.name,
            "status": self.status,
            "modified_at": self.modified_at.isoformat() if self.modified_at else None,
            "metrics": [list(astuple(metric)) for metric in self.metrics],
            "artifacts": [list(astuple(artifact)) for artifact in self.artifacts],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Component:
        return cls(
            name=document["name"],
            status=document["status"],
            modified_at=datetime.fromisoformat(document["modified_at"]) if document["modified_at"] else None,
            metrics=tuple(MetricSummary(*values) for values in document["metrics"]),
            artifacts=tuple(Artifact(*values) for values in document["artifacts"]),
        )

    @property
    def job_name(self) -> str:
        """The training job of the component; for other components, the component's own name."""
        return self.name.removesuffix(JOB_SUFFIX)

    def keeps_up_with(self, trial: TrialRecord) -> bool:
        """Whether the component has everything that the record has: the final status, and every metric that the job
        ended with.
        """
        if trial.status not in _FINAL:
            return True
        return self.status == trial.status and {metric.name for metric in self.metrics} >= trial.final_metrics.keys()


def _summary(metric: Mapping[str, Any]) -> MetricSummary:
    count = metric.get("Count")
    return MetricSummary(
        name=metric["MetricName"],
        min=metric.get("Min"),
        max=metric.get("Max"),
        avg=metric.get("Avg"),
        std_dev=metric.get("StdDev"),
        last=metric.get("Last"),
        count=None if count is None else int(count),
    )


def _artifacts(direction: str, found: Mapping[str, Any] | None) -> Iterator[Artifact]:
    for name, artifact in (found or {}).items():
        yield Artifact(direction, name, artifact.get("Value", ""), artifact.get("MediaType"))

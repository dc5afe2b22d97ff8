"""SageMaker Search in memory, as `gridwatch.aws.component_search.ComponentSearch` answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gridwatch.tables.components import Component


@dataclass
class FakeSearch:
    """Search in memory. `records` are trial components by name; `asked` tells the experiment and the time of each
    reading.
    """

    records: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, datetime | None]] = field(default_factory=list)
    error: Exception | None = None

    def add(
        self,
        job_name: str,
        modified: datetime,
        status: str = "Completed",
        experiment: str = "gridwatch-blobs",
        **metrics: float,
    ) -> None:
        """Add a training job's component. Each metric was logged twice, first as one more than its value."""
        name = f"{job_name}-aws-training-job"
        self.records[name] = {
            "TrialComponentName": name,
            "Status": {"PrimaryStatus": status},
            "CreationTime": modified,
            "LastModifiedTime": modified,
            "Parents": [{"ExperimentName": experiment}],
            "Metrics": [
                {"MetricName": key.replace("_", ":"), "Min": value, "Max": value + 1, "Avg": value + 0.5,
                 "StdDev": 0.5, "Last": value, "Count": 2}
                for key, value in metrics.items()
            ],
            "InputArtifacts": {"train": {"Value": "s3://data/train.csv", "MediaType": "text/csv"}},
            "OutputArtifacts": {"SageMaker.ModelArtifact": {"Value": f"s3://models/{job_name}/model.tar.gz"}},
        }  # fmt: skip

    def read(
        self,
        experiment: str,
        reduce: Callable[[Mapping[str, Any]], Component],
        modified_since: datetime | None = None,
    ) -> Mapping[str, Component]:
        self.asked.append((experiment, modified_since))
        if self.error is not None:
            raise self.error
        return {
            name: reduce(record)
            for name, record in self.records.items()
            if {"ExperimentName": experiment} in record["Parents"]
            and (modified_since is None or record["LastModifiedTime"] >= modified_since)
        }

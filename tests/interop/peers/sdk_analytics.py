"""What the SageMaker SDK's own analytics classes give, as CSV: `ENDPOINT EXPERIMENT FILE`, or `FIXTURE FILE` of one."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import boto3
from sagemaker.analytics import ExperimentAnalytics, HyperparameterTuningJobAnalytics, TrainingJobAnalytics


def experiment(endpoint: str, name: str, file: str) -> None:
    client = boto3.client("sagemaker", endpoint_url=endpoint)
    ExperimentAnalytics(experiment_name=name, sagemaker_session=SimpleNamespace(sagemaker_client=client)).export_csv(
        file
    )


def tuning(fixture: str, file: str) -> None:
    """Summaries of ListTrainingJobsForTuningJob, which the local cloud does not have."""
    summaries = json.loads(fixture)
    for each in summaries:
        for name in ("TrainingStartTime", "TrainingEndTime"):
            if name in each:
                each[name] = datetime.fromisoformat(each[name])
    client = SimpleNamespace(
        list_training_jobs_for_hyper_parameter_tuning_job=lambda **_: {"TrainingJobSummaries": summaries}
    )
    HyperparameterTuningJobAnalytics("t", sagemaker_session=SimpleNamespace(sagemaker_client=client)).export_csv(file)


def training(fixture: str, file: str) -> None:
    """Datapoints of CloudWatch by metric, which averages them by minutes."""
    points = {
        name: [{"Timestamp": datetime.fromisoformat(at), "Average": value} for at, value in found]
        for name, found in json.loads(fixture).items()
    }

    def statistics(**request: Any) -> Any:
        return {"Datapoints": points[request["MetricName"]]}

    now = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
    described = {"TrainingStartTime": now, "TrainingEndTime": now}
    session = SimpleNamespace(
        sagemaker_client=SimpleNamespace(describe_training_job=lambda **_: described),
        boto_session=SimpleNamespace(client=lambda _: SimpleNamespace(get_metric_statistics=statistics)),
    )
    TrainingJobAnalytics("j", metric_names=sorted(points), sagemaker_session=session).export_csv(file)


if __name__ == "__main__":
    {"experiment": experiment, "tuning": tuning, "training": training}[sys.argv[1]](*sys.argv[2:])

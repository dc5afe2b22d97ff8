"""A training job that somebody else started, with a tag: watched by its log, stopped, told, and in the tables."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest

from tests.story.deployed import Deployed, Mailbox
from tests.story.tearing import torn_down

RULES = """
objective: {metric: "validation:error", direction: minimize}
rules:
  - rule: MetricThreshold
    name: too-good
    parameters: {above: -1, patience: 3}
    on_issue: stop
"""


# Somebody's own training: it knows nothing of Gridwatch, and prints its metric.
SCRIPT = """
import itertools, time
for epoch in itertools.count():
    print(f"epoch {epoch} validation-error:{1 / (epoch + 1):.4f}", flush=True)
    time.sleep(0.2)
"""


def upload(deployed: Deployed) -> str:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("fit.py")
        entry.size = len(SCRIPT)
        archive.addfile(entry, io.BytesIO(SCRIPT.encode()))
    deployed.put("data/others/sourcedir.tar.gz", packed.getvalue())
    return f"s3://{deployed.outputs['ExperimentsBucket']}/data/others/sourcedir.tar.gz"


def request(deployed: Deployed, name: str, source: str, tags: dict[str, str]) -> dict[str, Any]:
    parameters = {"epochs": 1_000, "sagemaker_program": "fit.py", "sagemaker_submit_directory": source}
    return {
        "TrainingJobName": name,
        "RoleArn": deployed.outputs["JobRole"],
        "AlgorithmSpecification": {
            "TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "validation:error", "Regex": r"validation-error:([0-9.]+)"}],
        },
        "HyperParameters": {key: json.dumps(value) for key, value in parameters.items()},
        "OutputDataConfig": {"S3OutputPath": f"s3://{deployed.outputs['ArtifactsBucket']}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }


def test_a_tagged_job_of_others_is_watched_by_its_log(
    deployed: Deployed, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sagemaker = deployed.client("sagemaker")
    source = upload(deployed)
    deployed.put("rule-sets/careful.yaml", RULES)
    sagemaker.create_training_job(**request(deployed, "sentiment-7", source, {"gridwatch:watch": "careful"}))
    sagemaker.create_training_job(**request(deployed, "sentiment-8", source, {"team": "nlp"}))

    def over() -> Any:
        # What the schedule does every minute.
        payload = json.dumps({"task": "wake evaluations"})
        deployed.client("lambda").invoke(FunctionName="gridwatch-sweep", Payload=payload)
        job = sagemaker.describe_training_job(TrainingJobName="sentiment-7")
        return job if job["TrainingJobStatus"] == "Stopped" else None

    try:
        deployed.wait(over, "the stop of the tagged job", 90)
        assert sagemaker.describe_training_job(TrainingJobName="sentiment-8")["TrainingJobStatus"] == "InProgress"
    finally:
        for name in ("sentiment-7", "sentiment-8"):
            if sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "InProgress":
                sagemaker.stop_training_job(TrainingJobName=name)

    arn = sagemaker.describe_training_job(TrainingJobName="sentiment-7")["TrainingJobArn"]
    tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
    assert tags["gridwatch:stopped-by"].startswith("too-good@")
    deployed.wait(lambda: mailbox.about("too-good"), "the alert", 30)
    deployed.snapshot("watch.careful")
    findings = deployed.query("SELECT * FROM findings WHERE experiment = 'watch.careful'")
    assert [(row["job_name"], row["action"], row["shadow"]) for row in findings] == [("sentiment-7", "stop", "false")]
    assert float(findings[0]["saved_cost"] or 0) > 0
    curves = deployed.query("SELECT count(*) AS points FROM metrics WHERE experiment = 'watch.careful'")
    assert int(curves[0]["points"] or 0) > 3

    # The next number is not its next attempt but somebody else's job.
    artifacts, s3 = deployed.outputs["ArtifactsBucket"], deployed.client("s3")
    for key in ("models/sentiment-1/output/model.tar.gz", "tensors/sentiment-8/debug-output/index/1.json"):
        s3.put_object(Bucket=artifacts, Key=key, Body=b"precious")
    gone = torn_down(deployed, "watch.careful", monkeypatch)
    assert any(key.startswith("tensors/sentiment-7/") for key in gone)
    assert {key.split("/")[1] for key in gone} == {"sentiment-7"}

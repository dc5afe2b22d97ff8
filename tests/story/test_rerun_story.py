"""A trial is run again after its data was overwritten: it trains on what it trained on before."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from gridwatch.cli.main import app
from tests.story.deployed import Deployed

ROWS = "".join(f"{row * 3 % 17},{row % 7},{row % 5}\n" for row in range(120))
SPEC = {
    "name": "reproduced",
    "objective": {"metric": "validation-rmse", "direction": "minimize"},
    "algorithm": {"name": "xgboost", "version": "3.2-0"},
    "data": {
        "train": {"uri": "reproduced/train.csv", "content_type": "text/csv"},
        "validation": {"uri": "reproduced/validation.csv", "content_type": "text/csv"},
    },
    "hyperparameters": {"objective": "reg:squarederror", "eval_metric": "rmse", "num_round": 6, "seed": 1},
    "grid": {"eta": [0.3]},
}


@pytest.fixture
def shell(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    keys = deployed.session.get_credentials().get_frozen_credentials()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", str(deployed.session.region_name))
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(deployed.endpoint))
    return CliRunner()


def test_a_rerun_uses_the_data_as_it_was(deployed: Deployed, shell: CliRunner) -> None:
    deployed.put("data/reproduced/train.csv", ROWS)
    deployed.put("data/reproduced/validation.csv", ROWS)
    deployed.put("experiments/reproduced.json", json.dumps(SPEC))
    (first,) = deployed.wait_for_jobs("reproduced", 1, 60)
    job = first["TrainingJobName"]
    deployed.put("data/reproduced/train.csv", ROWS.replace("1", "9"))

    told = shell.invoke(app, ["rerun", job, "--plan", "--json"], catch_exceptions=False)
    found = {row["what"]: row for row in json.loads(told.stdout)["found"]}
    assert found["data train"]["state"] == "earlier version"
    assert found["spec"]["state"] == found["data validation"]["state"] == "same"
    assert "recorded" in found["packages"]["words"]

    assert shell.invoke(app, ["rerun", job], catch_exceptions=False).exit_code == 0
    trial = job.split("-")[-2]
    (again,) = deployed.wait_for_jobs(f"reproduced-rerun-{trial[:6]}-1", 1, 60)
    assert "/data/restored/" in again["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"]
    assert again["FinalMetricDataList"][0]["Value"] == first["FinalMetricDataList"][0]["Value"]
    tags = deployed.client("sagemaker").list_tags(ResourceArn=again["TrainingJobArn"])["Tags"]
    assert {"Key": "gridwatch:parent", "Value": f"reproduced/{trial}"} in tags

    arns = [shell.invoke(app, ["register", job, "--json"], catch_exceptions=False).stdout for _ in range(2)]
    first_time, second_time = (json.loads(text) for text in arns)
    assert (first_time["new"], second_time["new"]) == (True, False)
    package = deployed.client("sagemaker").describe_model_package(ModelPackageName=second_time["arn"])
    assert package["CustomerMetadataProperties"]["gridwatch.job"] == job

    shown = shell.invoke(app, ["fingerprint", again["TrainingJobName"], "--json"], catch_exceptions=False)
    assert "numpy" in json.loads(shown.stdout)["packages"]["packages"]

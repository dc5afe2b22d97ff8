"""The tables against what the jobs logged, and every view on both engines over the same files."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gridwatch.cli.analytics.frames import Analytics
from gridwatch.cli.analytics.local_tables import LocalTables
from gridwatch.cli.context import Cloud
from gridwatch.cli.local_state import RunningCloud
from gridwatch.tables import queries, schemas
from tests.story.deployed import Deployed

EXPERIMENT = "logged"
FIGURES = ("Last", "Min", "Max", "Avg", "StdDev", "Count")
ROUNDS = 8
SPEC = {
    "name": EXPERIMENT,
    "owner": "ada@example.org",
    "objective": {"metric": "validation-rmse", "direction": "minimize"},
    "algorithm": {"name": "xgboost", "version": "3.2-0"},
    "data": {
        "train": {"uri": "logged/train.csv", "content_type": "text/csv"},
        "validation": {"uri": "logged/validation.csv", "content_type": "text/csv"},
    },
    "hyperparameters": {"objective": "reg:squarederror", "eval_metric": "rmse", "num_round": ROUNDS},
    "grid": {"eta": [0.1, 0.5, 0.9]},
    "rules": [{"rule": "LossNotDecreasing", "parameters": {"num_steps": 5}, "on_issue": "record"}],
}


def _rows(count: int, seed: int) -> str:
    draw = random.Random(seed)
    points = [(draw.uniform(0, 9), draw.uniform(0, 9)) for _ in range(count)]
    return "".join(f"{x * 3 - y},{x},{y}\n" for x, y in points)


@pytest.fixture(scope="module")
def jobs(deployed: Deployed) -> list[dict[str, Any]]:
    """The experiment's jobs, all over, and a snapshot of them."""
    deployed.put("data/logged/train.csv", _rows(300, 1))
    deployed.put("data/logged/validation.csv", _rows(150, 2))
    deployed.put(f"experiments/{EXPERIMENT}.json", json.dumps(SPEC))
    ended = deployed.wait_for_jobs(EXPERIMENT, 3, 60)
    deployed.snapshot(EXPERIMENT)
    return ended


def test_metrics_row_for_row_as_the_jobs_logged_them(deployed: Deployed, jobs: list[dict[str, Any]]) -> None:
    for job in jobs:
        name = job["TrainingJobName"]
        logged = _logged(deployed.log(name))
        assert len(logged) == 2 * ROUNDS
        found = _points(deployed, name, "hook")
        # Each round is saved whatever rules there are; the log has five decimals, the tensors all of them.
        assert {key: round(value, 5) for key, value in found.items()} == logged
        assert _points(deployed, name, "log") == {}, "what the hook has whole is not told twice"
        best = min(value for (metric, _), value in found.items() if metric == "validation-rmse")
        (trial,) = deployed.query(f"SELECT * FROM trials WHERE job_name = '{name}'")
        assert float(trial["objective_best"] or "nan") == min(best, logged["validation-rmse", ROUNDS - 1])
        assert float(trial["objective_value"] or "nan") == logged["validation-rmse", ROUNDS - 1]
        assert trial["search_state"] == "current"


def _points(deployed: Deployed, job_name: str, source: str) -> dict[tuple[str, int], float]:
    sql = f"SELECT name, step, value FROM metrics WHERE job_name = '{job_name}' AND source = '{source}'"
    rows = deployed.query(sql)
    return {(row["name"] or "", int(row["step"] or -1)): float(row["value"] or "nan") for row in rows}


def _logged(lines: list[str]) -> Mapping[tuple[str, int], float]:
    """Name and round of every value that XGBoost printed."""
    found = {}
    for line in lines:
        if match := re.search(r"\[(\d+)\]\s*(.*)", line):
            for name, value in re.findall(r"([\w-]+):([\d.]+)", match[2]):
                found[name, int(match[1])] = float(value)
    return found


def test_final_metrics_as_the_trial_components_have_them(deployed: Deployed, jobs: list[dict[str, Any]]) -> None:
    sagemaker = deployed.client("sagemaker")
    for job in jobs:
        component = sagemaker.describe_trial_component(TrialComponentName=f"{job['TrainingJobName']}-aws-training-job")
        wanted = {
            metric["MetricName"]: tuple(
                float(metric[name]) for name in ("Last", "Min", "Max", "Avg", "StdDev", "Count")
            )
            for metric in component["Metrics"]
        }
        rows = deployed.query(
            'SELECT name, value, "min", "max", "avg", std_dev, "count" FROM final_metrics '
            f"WHERE job_name = '{job['TrainingJobName']}'"
        )
        assert {row.pop("name"): tuple(float(value or "nan") for value in row.values()) for row in rows} == wanted


def test_every_view_and_table_says_the_same_on_both_engines(
    deployed: Deployed, jobs: list[dict[str, Any]], tmp_path: Path
) -> None:
    tables = LocalTables(deployed.client("s3"), deployed.outputs["ArtifactsBucket"], tmp_path)
    deployed.wait(lambda: _no_snapshot_is_due(deployed), "the last snapshot", 60)
    assert tables.refresh() >= len(schemas.TABLES)
    assert tables.refresh() == 0, "what did not change is not fetched again"
    names = [*(query.name for query in queries.NAMED_QUERIES), *(table.name for table in schemas.TABLES)]
    for name in names:
        sql = f"SELECT * FROM {name} WHERE experiment = '{EXPERIMENT}'"
        here, there = tables.ask(sql), deployed.query(sql)
        assert sorted(map(_texts, here.rows)) == sorted(map(_texts, there)), name
    # The named query itself, as it stands in the workgroup, with its order.
    of_experiment = queries.of_experiment(queries.LEADERBOARD, EXPERIMENT)
    assert [_texts(row) for row in tables.ask(of_experiment).rows] == [
        _texts(row) for row in deployed.query(of_experiment)
    ]
    assert len(jobs) == 3


def _no_snapshot_is_due(deployed: Deployed) -> bool:
    """Each job's end asks for one, which may come while the engines are compared."""
    kinds = ("", "NotVisible", "Delayed")
    asked = [f"ApproximateNumberOfMessages{kind}" for kind in kinds]
    queue = {"QueueUrl": deployed.outputs["SnapshotQueue"], "AttributeNames": asked}
    answer = deployed.client("sqs").get_queue_attributes(**queue)["Attributes"]
    return all(int(answer[name]) == 0 for name in asked)


def _texts(row: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _text(value)) for name, value in row.items())


def _text(value: Any) -> str:
    """Numbers alike however they are written, and times to the millisecond, which is what Athena has of them."""
    if value is None:
        return ""
    if isinstance(value, bool) or value in ("true", "false"):
        return str(value).lower()
    text = str(value)
    if re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", text):
        return f"{text[:19]}.{(text[20:] + '000')[:3]}"
    try:
        return repr(float(text))
    except ValueError:
        return text


def test_data_frames(deployed: Deployed, jobs: list[dict[str, Any]]) -> None:
    keys = deployed.session.get_credentials()
    assert keys is not None
    running = RunningCloud(deployed.endpoint, keys.access_key, keys.secret_key, deployed.session.region_name)
    analytics = Analytics(Cloud.at(running))

    board = analytics.leaderboard(EXPERIMENT)
    assert list(board["place"]) == [1, 2, 3]
    assert set(board["job_name"]) == {job["TrainingJobName"] for job in jobs}
    events = analytics.table("events", EXPERIMENT)
    assert events["happened_at"].dt.tz is UTC or str(events["happened_at"].dt.tz) == "UTC"
    assert {"spec_uploaded", "trial_recorded", "job_started", "job_ended"} <= set(events["kind"])
    assert events["happened_at"].max() <= datetime.now(UTC)

    components = analytics.experiment_analytics(EXPERIMENT)
    components = components[components["DisplayName"] != "metadata"]
    assert len(components) == 3
    assert set(components["eta"]) == {0.1, 0.5, 0.9}
    by_job = {job["TrainingJobName"]: job for job in jobs}
    tuning = analytics.tuning_job_analytics(EXPERIMENT)
    assert list(tuning.columns) == [
        "eta", "TrainingJobName", "TrainingJobStatus", "FinalObjectiveValue", "TrainingStartTime", "TrainingEndTime",
        "TrainingElapsedTimeSeconds",
    ]  # fmt: skip
    for row in tuning.itertuples():
        final = {each["MetricName"]: each["Value"] for each in by_job[row.TrainingJobName]["FinalMetricDataList"]}
        assert row.FinalObjectiveValue == final["validation-rmse"]
    curve = analytics.training_job_analytics(jobs[0]["TrainingJobName"])
    assert set(curve["metric_name"]) == {"train-rmse", "validation-rmse"}

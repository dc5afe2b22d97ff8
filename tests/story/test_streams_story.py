"""Hook and log of one job, of the same names and of others: every point is kept, and trials are judged by epochs.

The script saves batches with the hook and prints epochs; one of the hook's names is that of the objective, with values
that would win every comparison.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gridwatch.aws.state_table import StateTable
from gridwatch.cli.current import with_current
from gridwatch.cli.experiments import read_status
from tests.story.deployed import Deployed
from tests.story.examples import submit

ROOT = Path(__file__).resolve().parents[2]
QUALITIES = [0.9, 0.5, 0.98, 0.3, 0.7, 0.1]
EPOCHS, BATCHES = 5, 12
SCRIPT = """
import argparse, os, time
from gridwatch_hook import Hook

parser = argparse.ArgumentParser()
for name, kind in (("quality", float), ("epochs", int), ("batches", int), ("pause", float)):
    parser.add_argument(f"--{name}", type=kind)
given, _ = parser.parse_known_args()
hook = Hook.create(os.environ["GRIDWATCH_TENSORS_URI"]) if given.batches else None
for epoch in range(given.epochs):
    for batch in range(given.batches):
        hook.save_scalar("score", 5.0 + epoch, collection="metrics")
        hook.save_scalar("gradient_norm", 1.0 / (1 + batch), collection="metrics")
        hook.next_step()
        print(f"batch {batch} loss={1 / (1 + epoch)}", flush=True)
    time.sleep(given.pause)
    worse = 0.05 if epoch == given.epochs - 1 else 0.0
    score = given.quality * (1 - 0.5 ** (epoch + 1)) - worse
    print(f"epoch {epoch} score={score:.6f} rate={0.1 ** epoch:g}", flush=True)
if hook:
    hook.close()
"""
SPEC: dict[str, Any] = {
    "name": "streams",
    "objective": {"metric": "score", "direction": "maximize"},
    "algorithm": {
        "framework": "sklearn",
        "version": "1.9-0",
        "source": "streams",
        "entry_point": "train.py",
        "metrics": {
            "score": "score=([0-9.eE+-]+)",
            "rate": "rate=([0-9.eE+-]+)",
            "loss": "loss=([0-9.eE+-]+)",
        },
    },
    "hyperparameters": {"epochs": EPOCHS, "batches": BATCHES, "pause": 0.1},
    "grid": {"quality": QUALITIES},
    "collect": {"metrics": {}},
    "rules": [
        {
            "rule": "ASHA",
            "on_issue": "record",
            "parameters": {"resource": "epochs", "grace": 2, "reduction_factor": 2},
        }
    ],
    "resources": {"instance_type": "ml.m5.large", "volume_gb": 5, "max_runtime": "30m"},
    "limits": {"parallel_jobs": 1},
}
LIVE = {
    **SPEC,
    "name": "streams-live",
    "hyperparameters": {"epochs": 300, "batches": 0, "pause": 0.3},
    "grid": {"quality": [0.8]},
    "collect": {},
    "rules": [],
}


@pytest.fixture(scope="module")
def launched(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    folder = tmp_path_factory.mktemp("streams")
    shutil.copytree(ROOT / "hook" / "gridwatch_hook", folder / "streams" / "gridwatch_hook")
    (folder / "streams" / "train.py").write_text(SCRIPT)
    for spec in (LIVE, SPEC):
        path = folder / f"{spec['name']}.json"
        path.write_text(json.dumps(spec))
        submit(deployed, path)
    return deployed


def as_a_person(deployed: Deployed) -> Any:
    """What commands take of a cloud, on the deployment of the stories."""

    class Somebody:
        unreadable: Mapping[str, str] = {}
        store = StateTable(deployed.outputs["StateTable"], dynamodb=deployed.client("dynamodb"))

    return Somebody()


def test_what_runs_is_seen_within_seconds_without_a_rule(launched: Deployed) -> None:
    somebody = as_a_person(launched)
    (trial,) = launched.wait(lambda: somebody.store.list_trials("streams-live"), "the trial", 30)

    def seen() -> Mapping[str, Any] | None:
        (shown,) = read_status(somebody, "streams-live")["trials"]
        return shown if shown["state"] == "running" and shown["objective_value"] else None

    shown = launched.wait(seen, "a value while it runs", 60)
    (row,) = with_current(somebody, "streams-live", [])
    assert row["objective_value"] >= shown["objective_value"] > 0
    assert shown["objective_source"] == "log"

    def in_tables() -> float | None:
        """Seconds since the newest point in the tables was printed."""
        if not launched._has_tables("streams-live"):
            return None
        sql = "SELECT max(logged_at) AS at FROM metrics WHERE experiment = 'streams-live' AND source = 'log'"
        ((at),) = [row["at"] for row in launched.query(sql)]
        return (datetime.now(UTC) - datetime.fromisoformat(f"{at}+00:00")).total_seconds() if at else None

    launched.wait(in_tables, "points in the tables", 30)
    lags = []
    for _ in range(10):
        lags.append(in_tables() or 99.0)
        time.sleep(0.5)
    assert min(lags) < 5, lags
    trials = launched.query("SELECT objective_value, state FROM trials WHERE experiment = 'streams-live'")
    assert trials[0]["state"] == "running"
    assert float(trials[0]["objective_value"] or 0) > 0
    launched.client("sagemaker").stop_training_job(TrainingJobName=trial.job_name)


def test_every_point_of_hook_and_log_is_kept_and_judged_on_its_own_axis(launched: Deployed) -> None:
    jobs = launched.wait_for_jobs("streams", 6, 180)
    assert [job.get("FailureReason", job["TrainingJobStatus"]) for job in jobs] == ["Completed"] * 6
    launched.snapshot("streams")

    counted = launched.query(
        "SELECT source, name, objective, count(*) AS points, count(DISTINCT step) AS steps, count(DISTINCT job_name)"
        " AS jobs FROM metrics WHERE experiment = 'streams' GROUP BY source, name, objective ORDER BY source, name"
    )
    batches, epochs = str(6 * EPOCHS * BATCHES), str(6 * EPOCHS)
    assert [(row["source"], row["name"], row["objective"], row["points"], row["jobs"]) for row in counted] == [
        ("hook", "gradient_norm", "false", batches, "6"),
        ("hook", "score", "false", batches, "6"),
        ("log", "loss", "false", batches, "6"),
        ("log", "rate", "false", epochs, "6"),
        ("log", "score", "true", epochs, "6"),
    ]
    assert all(int(row["steps"] or 0) * 6 == int(row["points"] or 0) for row in counted)

    trials = launched.query(
        "SELECT p.value_double AS quality, t.objective_best AS best, t.objective_value AS last,"
        " t.objective_source AS its"
        " FROM trials t JOIN parameters p ON p.experiment = t.experiment AND p.trial_id = t.trial_id"
        " WHERE t.experiment = 'streams' AND p.name = 'quality' ORDER BY t.grid_index"
    )
    for row in trials:
        quality = float(row["quality"] or 0)
        end = quality * (1 - 0.5**EPOCHS)
        best = max(quality * (1 - 0.5 ** (EPOCHS - 1)), end - 0.05)
        assert float(row["best"] or 0) == pytest.approx(best, abs=2e-6)
        assert float(row["last"] or 0) == pytest.approx(end - 0.05, abs=2e-6)
        assert row["its"] == "log"

    found = launched.query("SELECT job_name, finding FROM findings WHERE experiment = 'streams'")
    store = as_a_person(launched).store
    quality_of = {trial.job_name: trial.hyperparameters["quality"] for trial in store.list_trials("streams")}
    judged = {quality_of[str(row["job_name"])]: json.loads(row["finding"] or "{}") for row in found}
    assert set(judged) == {0.5, 0.3, 0.7, 0.1}  # not among the better half that came to two epochs
    for quality, finding in judged.items():
        assert finding["source"] == "log"
        assert finding["observed"] == pytest.approx(quality * 0.75, abs=2e-6)  # the second epoch, no batch

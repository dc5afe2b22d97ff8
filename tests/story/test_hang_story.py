"""A job of two ranks that stands still: it writes nothing any more, and is stopped by its heartbeats at a check."""

from __future__ import annotations

import io
import json
import tarfile
import time
from typing import Any

from tests.story.deployed import Deployed, Mailbox
from tests.story.test_watched_jobs import request

JOB = "translation-3"
RULES = """
rules:
  - rule: Hang
    name: stands-still
    parameters: {seconds: 5}
    on_issue: stop
"""
SCRIPT = "import time\ntime.sleep(600)\n"


def packed() -> bytes:
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode="w:gz") as archive:
        entry = tarfile.TarInfo("fit.py")
        entry.size = len(SCRIPT)
        archive.addfile(entry, io.BytesIO(SCRIPT.encode()))
    return found.getvalue()


def beat(deployed: Deployed, rank: int, **given: Any) -> None:
    """What the hook's watch writes for a rank."""
    told = {"rank": rank, "workers": 2, "host": f"algo-{rank + 1}", "step": 41, "phase": "forward-backward"}
    told |= {"at": time.time(), "every_seconds": 15.0, "idle_seconds": 0.2, **given}
    key = f"tensors/{JOB}/heartbeat-output/status/worker_{rank}.json"
    bucket = deployed.outputs["ArtifactsBucket"]
    deployed.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(told).encode())


def checked(deployed: Deployed) -> None:
    """What the schedule does every minute."""
    payload = json.dumps({"task": "wake evaluations"})
    deployed.client("lambda").invoke(FunctionName="gridwatch-sweep", Payload=payload)


def test_a_job_that_stands_still_is_stopped_and_its_rank_is_named(deployed: Deployed, mailbox: Mailbox) -> None:
    sagemaker = deployed.client("sagemaker")
    deployed.put("data/others/still.tar.gz", packed())
    source = f"s3://{deployed.outputs['ExperimentsBucket']}/data/others/still.tar.gz"
    deployed.put("rule-sets/still.yaml", RULES)
    sagemaker.create_training_job(**request(deployed, JOB, source, {"gridwatch:watch": "still"}))

    def status() -> str:
        return str(sagemaker.describe_training_job(TrainingJobName=JOB)["TrainingJobStatus"])

    try:
        for _ in range(3):
            beat(deployed, 0)
            beat(deployed, 1)
            checked(deployed)
            time.sleep(1)
        assert status() == "InProgress"
        beat(deployed, 0, idle_seconds=30.0, collectives=83, last_collective="nccl:all_reduce")
        beat(deployed, 1, idle_seconds=30.1, collectives=82, stack=["/opt/ml/code/fit.py:12 next_batch"])

        def over() -> bool:
            checked(deployed)
            return status() == "Stopped"

        deployed.wait(over, "the stop of the job that stands still", 90)
    finally:
        if status() == "InProgress":
            sagemaker.stop_training_job(TrainingJobName=JOB)
    deployed.wait(lambda: mailbox.about("stands-still"), "the alert", 30)
    alert = json.dumps(mailbox.about("stands-still"), default=str)
    assert "rank 1 of 2 on algo-2 has stood still" in alert
    assert "fit.py:12 next_batch" in alert
    assert "rank 0 waits for it in nccl:all_reduce" in alert

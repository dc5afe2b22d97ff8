"""The scikit-learn examples train as they are, from files and through pipes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.story.deployed import Deployed
from tests.story.examples import EXAMPLES, submit


def test_the_scikit_learn_examples_train(deployed: Deployed, tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(EXAMPLES / "digits.py"), str(tmp_path)], check=True)
    for name in ("train.csv", "validation.csv"):
        deployed.put(f"data/digits/{name}", (tmp_path / "digits" / name).read_bytes())
    for example in ("scikit-learn", "scikit-learn-pipe"):
        submit(deployed, EXAMPLES / f"{example}.yaml")
    of_files, of_pipes = (accuracies(deployed, *each) for each in (("scikit-learn", 4), ("scikit-learn-pipe", 2)))
    assert len(of_files) == 4
    assert min(of_files.values()) > 0.8
    for point, accuracy in of_pipes.items():
        # The channel is one object, so the pipe carries the same rows in the same order.
        assert accuracy == of_files[point]
    every_point_is_in_the_tables(deployed)


def every_point_is_in_the_tables(deployed: Deployed) -> None:
    """The log of each job was read to its last line, although no rule watches these experiments."""
    deployed.snapshot("scikit-learn")
    rows = deployed.query(
        "SELECT m.source, m.step_axis, m.objective, m.thinned, count(*) AS points, max(m.step) AS last,"
        " max(m.value) AS best, max(t.objective_best) AS told, max(t.objective_value) AS value"
        " FROM metrics m JOIN trials t ON t.experiment = m.experiment AND t.job_name = m.job_name"
        " WHERE m.experiment = 'scikit-learn' AND t.metrics_complete"
        " GROUP BY m.job_name, m.source, m.step_axis, m.objective, m.thinned"
    )
    assert [(row["source"], row["step_axis"], row["points"], row["last"]) for row in rows] == [
        ("log", "line", "5", "4")
    ] * 4
    assert {(row["objective"], row["thinned"]) for row in rows} == {("true", "false")}
    assert all(row["best"] == row["told"] and float(row["value"] or 9) <= float(row["best"] or 0) for row in rows)


def accuracies(deployed: Deployed, experiment: str, count: int) -> dict[tuple[str, str], float]:
    """By the trial's alpha and loss."""
    jobs = deployed.wait_for_jobs(experiment, count, 120)
    assert [job.get("FailureReason", job["TrainingJobStatus"]) for job in jobs] == ["Completed"] * count
    return {
        (job["HyperParameters"]["alpha"], job["HyperParameters"]["loss"]): job["FinalMetricDataList"][0]["Value"]
        for job in jobs
    }

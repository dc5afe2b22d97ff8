"""The notebook in `examples/` runs from its first cell to its last against the embedded cloud."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.story.deployed import Deployed, Mailbox

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "whole-path.ipynb"


def cells(kind: str) -> list[dict[str, Any]]:
    document = json.loads(NOTEBOOK.read_text())
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    return [cell for cell in document["cells"] if cell["cell_type"] == kind]


def test_it_is_kept_without_what_a_run_leaves_in_it() -> None:
    assert [cell["id"] for cell in cells("code") if cell["outputs"] or cell["execution_count"]] == []
    for cell in cells("code"):
        ast.parse("".join(cell["source"]))


def test_every_cell_runs_in_its_order(deployed: Deployed, mailbox: Mailbox, tmp_path: Path) -> None:
    # One process, one namespace, as a kernel has them; figures are drawn without a window.
    script = tmp_path / "notebook.py"
    script.write_text("\n\n".join("".join(cell["source"]) for cell in cells("code")))
    keys = deployed.session.get_credentials()
    assert keys is not None
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": deployed.endpoint or "",
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_DEFAULT_REGION": str(deployed.session.region_name),
        "GRIDWATCH_FILES": str(tmp_path),
        "MPLBACKEND": "Agg",
    }
    ran = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "['completed', 'completed', 'completed', 'completed']" in ran.stdout
    assert "The hypothesis holds" in ran.stdout or "The hypothesis does not hold" in ran.stdout
    assert "best after 12 rounds" in ran.stdout
    page = (tmp_path / "notebook.html").read_text(encoding="utf-8")
    assert "Shallow trees are enough for two round clusters." in page
    # The page of the function that ended the experiment lies in the bucket.
    published = deployed.client("s3").get_object(
        Bucket=deployed.outputs["ArtifactsBucket"], Key="reports/experiments/notebook.html"
    )
    assert "Shallow trees are enough" in published["Body"].read().decode()
    assert published["ContentType"].startswith("text/html")
    (digest,) = deployed.wait(lambda: mailbox.about("notebook has ended"), "the alert about the end", 60)
    assert f"s3://{deployed.outputs['ArtifactsBucket']}/reports/experiments/notebook.html" in digest["Message"]
    look_at_it(environment, tmp_path)
    tear_it_down(deployed, environment)


def gridwatch(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "gridwatch.cli.main", *arguments]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def look_at_it(environment: dict[str, str], folder: Path) -> None:
    """The commands for looking, on what the notebook has trained."""
    board = json.loads(gridwatch(environment, "leaderboard", "notebook", "--where", "eta>0.2", "--json"))
    assert [row["hyperparameters"]["eta"] for row in board] == [0.5, 0.5]
    compared = {
        row[""]: row for row in json.loads(gridwatch(environment, "compare", "notebook/0", "notebook/3", "--json"))
    }
    assert {"max_depth", "eta", "validation-error, by step"} <= compared.keys()
    seen = json.loads(gridwatch(environment, "inspect", "notebook/0", "--json"))
    assert [len(curve["steps"]) for curve in seen["curves"]] == [12] * 4
    assert {"spec", "data", "image", "training job", "tensors", "model"} <= {row["what"] for row in seen["lineage"]}
    model = next(row["address"] for row in seen["lineage"] if row["what"] == "model")
    made = json.loads(gridwatch(environment, "lineage", model, "--json"))
    assert [row["trial"] for row in made if row["what"] == "model"] == [seen["trial"]["trial"]]
    assert "validation-error:" in gridwatch(environment, "logs", "notebook/0")
    assert "LossNotDecreasing" in gridwatch(environment, "logs", "notebook/0", "--rules")
    found = gridwatch(environment, "search", "max_depth=10", "--experiment", "notebook", "--csv").splitlines()
    assert len(found) == 3
    gridwatch(environment, "report", "notebook/0", "--tensors", "-o", str(folder / "tensors.html"))
    assert "Feature importance" in (folder / "tensors.html").read_text(encoding="utf-8")


def tear_it_down(deployed: Deployed, environment: dict[str, str]) -> None:
    sagemaker = deployed.client("sagemaker")
    entity = "gridwatch-notebook"
    assert "delete experiment gridwatch-notebook" in gridwatch(environment, "teardown", "notebook")
    assert len(sagemaker.list_trials(ExperimentName=entity)["TrialSummaries"]) == 4
    gridwatch(environment, "teardown", "notebook", "--yes", "--rate", "20")
    listed = [each["ExperimentName"] for each in sagemaker.list_experiments()["ExperimentSummaries"]]
    assert entity not in listed

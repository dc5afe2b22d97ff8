"""The notebook in `examples/` runs from its first cell to its last against the embedded cloud."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.story.deployed import Deployed

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "whole-path.ipynb"


def cells(kind: str) -> list[dict[str, Any]]:
    document = json.loads(NOTEBOOK.read_text())
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    return [cell for cell in document["cells"] if cell["cell_type"] == kind]


def test_it_is_kept_without_what_a_run_leaves_in_it() -> None:
    assert [cell["id"] for cell in cells("code") if cell["outputs"] or cell["execution_count"]] == []
    for cell in cells("code"):
        ast.parse("".join(cell["source"]))


def test_every_cell_runs_in_its_order(deployed: Deployed, tmp_path: Path) -> None:
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
    assert published["ContentType"].startswith("text/html")
    assert "Shallow trees are enough" in published["Body"].read().decode()

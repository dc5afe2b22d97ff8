"""A handler that starts imports no package that only some of its calls need: they come with the first such call.

What it takes is measured by benchmarks/cold_start.py, beside boto3 in the same run.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
LATE = {"numpy", "pydantic", "duckdb", "cel", "yaml", "matplotlib"}

_PROGRAM = """
import json, sys
sys.path[:0] = {path!r}
import {function}.handler
print(json.dumps(sorted(set(sys.modules) & set({late!r}))))
"""


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_handler_imports_nothing_that_only_some_calls_need(function: str) -> None:
    path = [str(ROOT / folder) for folder in ("functions", "rules", ".")]
    program = _PROGRAM.format(path=path, function=function, late=sorted(LATE))
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == []

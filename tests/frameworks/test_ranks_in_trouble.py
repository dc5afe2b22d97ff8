"""Two real ranks, of which one is in trouble: rules that follow the training name it while the training goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from scripts.peer_environment import python_of, why_missing

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "trainings" / "watched" / "troubled.py"
PYTHON = str(python_of("frameworks"))

pytestmark = pytest.mark.skipif(bool(why_missing("frameworks")), reason=why_missing("frameworks") or "present")


def followed(tmp_path: Path, case: str, steps: int, rule: str, *parameters: str) -> tuple[int, str]:
    """The exit code and the words of a check that follows a training from before it begins until its verdict."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"heartbeat_seconds": 1}))
    environment = {"PATH": f"{Path(PYTHON).parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    words = [PYTHON, "-m", "gridwatch_hook", "run", "-o", "out", "--config", str(config)]
    words += ["torchrun", "--nproc-per-node", "2", str(SCRIPT), case, str(steps)]
    with (tmp_path / "log").open("w") as log:
        training = subprocess.Popen(
            words, env=environment | {"PYTHONPATH": str(ROOT / "hook")}, cwd=tmp_path, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    check = [str(ROOT / ".venv/bin/python"), "-m", "gridwatch_rules.command", "check", "out", "--follow"]
    check += ["--rule", rule, *(word for each in parameters for word in ("-p", each))]
    try:
        ended = subprocess.run(
            check, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "rules")}, cwd=tmp_path, check=False,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    finally:
        if training.poll() is None:
            os.killpg(training.pid, signal.SIGKILL)
        training.wait()
    return ended.returncode, ended.stdout + ended.stderr


def test_the_rank_that_hangs_is_named_with_where_it_stands(tmp_path: Path) -> None:
    code, words = followed(tmp_path, "hang", 100, "Hang", "seconds=5")
    assert code == 3, words
    assert "rank 1 of 2" in words
    assert "since step 19" in words
    assert "troubled.py:26 stuck" in words
    assert "rank 0 waits for it in gloo:all_reduce" in words


@pytest.mark.parametrize(("case", "cause"), [("slow", "own work, the other"), ("starved", "of it waiting for data")])
def test_the_rank_that_is_slow_is_named_with_what_it_costs(tmp_path: Path, case: str, cause: str) -> None:
    code, words = followed(tmp_path, case, 80, "Straggler")
    assert code == 3, words
    assert "rank 1 needs 0.1" in words
    assert cause in words


@pytest.mark.parametrize(("rule", "parameters"), [("Straggler", ()), ("Hang", ("seconds=20",))])
def test_ranks_that_are_even_have_neither(tmp_path: Path, rule: str, parameters: tuple[str, ...]) -> None:
    code, words = followed(tmp_path, "even", 150, rule, *parameters)
    assert code == 0, words

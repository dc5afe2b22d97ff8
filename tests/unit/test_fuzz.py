"""A seeded sample of `make fuzz`, in a process of its own whose memory is its own; and the judge can say no."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from tests.fuzz import running
from tests.fuzz.defects import DefectError, readable
from tests.fuzz.targets import TARGETS, Target

ROOT = Path(__file__).resolve().parents[2]


def test_a_sample_of_hostile_inputs_ends_in_plans_and_clear_errors() -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.fuzz", "--inputs", "1500", "--seed", "2611"]
    environment = {**os.environ, "PYTHONPATH": "functions"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    peaks = dict(re.findall(r"^([a-z]+) .* ([0-9]+) MB  0$", done.stdout, re.MULTILINE))
    assert peaks.keys() == TARGETS.keys()
    assert all(int(peak) < 256 for target, peak in peaks.items() if target != "event")  # of the whole process


def test_the_shares_make_a_whole() -> None:
    assert sum(target.share for target in TARGETS.values()) == pytest.approx(1)


def test_the_same_seed_makes_the_same_inputs() -> None:
    for name, target in TARGETS.items():
        assert target.make(Random(f"1:{name}:0")) == target.make(Random(f"1:{name}:0"))
        assert target.make(Random(f"1:{name}:0")) != target.make(Random(f"2:{name}:0"))


def _raises(content: bytes) -> bool:
    raise AttributeError("'NoneType' object has no attribute 'get'")


def _is_slow(content: bytes) -> bool:
    began = time.process_time()
    while time.process_time() - began < 0.06:
        pass
    return True


def _tells_escapes(content: bytes) -> bool:
    readable("\x1b[2J")
    return True


@pytest.mark.parametrize(
    ("take", "told"), [(_raises, "NoneType"), (_is_slow, "took 0."), (_tells_escapes, "the control character")]
)
def test_the_judge_says_no(take: object, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TARGETS, "planted", Target(lambda random: random.randbytes(3), take, 0.0))  # type: ignore[arg-type]
    monkeypatch.setattr(running, "MAX_SECONDS", 0.05)
    tally = running.run("planted", 1, range(3))
    assert len(tally.failures) == 3
    assert told in tally.failures[0].reason


def test_what_is_too_long_is_a_defect() -> None:
    with pytest.raises(DefectError, match="200,000 characters"):
        readable("x" * 200_000)

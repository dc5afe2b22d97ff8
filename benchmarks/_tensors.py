"""The shared part of the benchmarks on tensors: a job written by smdebug, and smdebug's time for it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks._peers import require
from gridwatch_rules.clock import SystemClock
from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.tensors.reader import TensorReader
from gridwatch_rules.tensors.source import TensorSource
from scripts.peer_environment import python_of

PEER = Path(__file__).with_name("_smdebug_peer.py")


@contextmanager
def written(steps: int, tensors: int, size: int) -> Iterator[Path]:
    """A finished job's folder, written by smdebug itself."""
    require("interop")
    with tempfile.TemporaryDirectory() as folder:
        peer("write", folder, str(steps), str(tensors), str(size))
        yield Path(folder)


def peer(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """The output of smdebug's side."""
    command = [str(python_of("interop")), str(PEER), *arguments]
    env = None if environment is None else {"PATH": "/usr/bin:/bin", **environment}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}: {done.stderr}")
    return done.stdout.strip().rpartition("\n")[2]


def alternately(
    ours: Callable[[], object], theirs: Callable[[], float], *, rounds: int, runs: int
) -> tuple[list[float], list[float]]:
    """The seconds of `runs` runs of ours and one of theirs in each round, alternating, so that other work on the
    machine affects both.

    The least of each is compared: other work only adds.
    """
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for _ in range(runs):
            begin = time.perf_counter()
            ours()
            found[0].append(time.perf_counter() - begin)
        found[1].append(theirs())
    return found


def evaluate(rule: type[Rule], source: TensorSource) -> None:
    """Evaluate the rule over the whole job, as `gridwatch rules check` does."""
    evaluation = Evaluation.create([RuleConfiguration("it", rule.name, {})], lambda _, given: rule.create(given))
    evaluation.advance(TensorReader(source), now=SystemClock().now(), ended=True)
    found = evaluation.statuses["it"]
    if found.status != "NoIssuesFound":
        sys.exit(f"{rule.name}: {found.status} {found.details}")

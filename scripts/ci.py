"""Runs everything that CI runs, each suite by its make target: `python -m scripts.ci`.

All suites run, whatever fails. The end names each with its count and duration, and the suites that this machine cannot
run because it lacks an interpreter for their peers. Any other skip counts as a failure: a check that does not run is
none. Exit code 1 when anything failed. The last line is `N passed, N failed`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from gridwatch_rules.clock import SystemClock
from scripts.peer_environment import why_missing

_COUNT = re.compile(r"(\d+) (passed|failed|skipped|errors?)\b")
_CLOSING = re.compile(r"^=* ?(\d+ (passed|failed|skipped|errors?|deselected|warnings?|xfailed)(, )?)+ in [\d.]+s")
TRIES = 3
PAUSE_SECONDS = 15.0  # before the second try, and twice that before the third
_NO_INTERPRETER = "this machine has no Python"


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite. `environments` are those of its peers, as `scripts.peer_environment` knows them."""

    name: str
    make: tuple[str, ...]
    environments: tuple[str, ...] = ()
    browser: bool = False


@dataclass(slots=True)
class Ran:
    """The result of a suite. A command that is no test counts as one."""

    suite: Suite
    code: int
    seconds: float
    counts: dict[str, int] = field(default_factory=dict)
    excuse: str = ""  # why this machine cannot run it, or some of it

    @property
    def failed(self) -> int:
        """The failures, including tests that were skipped without a valid reason."""
        failures = self.counts.get("failed", 0) + self.counts.get("error", 0)
        unexcused = 0 if self.excuse else self.counts.get("skipped", 0)
        return failures + unexcused or int(self.code != 0)

    @property
    def passed(self) -> int:
        return self.counts.get("passed", int(self.code == 0 and not self.counts))


SUITES = (
    Suite("lint", ("lint",)),
    Suite("distributions", ("test-dist",)),
    Suite("unit, contract, template, stories", ("test",)),
    Suite("reached branches", ("test-coverage",)),
    Suite("smdebug, TensorBoard, analytics", ("test-interop",), ("interop", "sagemaker")),
    Suite("SageMaker SDK", ("test-sagemaker",), ("sagemaker",)),
    Suite("Optuna, Syne Tune", ("test-oracles",), ("oracles",)),
    Suite("AWS's XGBoost image", ("test-image",), ("image-xgboost-3.2-0",)),
    Suite("PyTorch, Keras", ("test-frameworks",), ("frameworks",)),
    Suite("browser", ("test-browser",), browser=True),
    Suite("other Pythons", ("test-pythons",)),
    Suite("permissions, a sample", ("test-permissions-sample",)),
    Suite("hostile inputs, a sample", ("fuzz", "SEED=7", "INPUTS=3000")),
)


def main() -> None:
    names = sys.argv[1:]
    ran = [run(suite) for suite in SUITES if not names or suite.make[0] in names]
    print("\n" + "\n".join(lines(ran)), flush=True)
    sys.exit(any(each.failed for each in ran))


def run(suite: Suite) -> Ran:
    """Run a suite with its output shown as it comes."""
    print(f"\n=== {suite.name}: make {' '.join(suite.make)}", flush=True)
    begun = time.monotonic()
    if suite.browser:
        install_browser()
    process = subprocess.Popen(
        ["make", *suite.make], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    counts: dict[str, int] = {}
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        if _CLOSING.match(line):
            add_counts(line, counts)
    return Ran(suite, process.wait(), time.monotonic() - begun, counts, excuse_of(suite.environments))


def add_counts(line: str, counts: dict[str, int]) -> None:
    """Add the counts in pytest's closing line."""
    for number, what in _COUNT.findall(line):
        kind = what.removesuffix("s") if what.startswith("error") else what
        counts[kind] = counts.get(kind, 0) + int(number)


def excuse_of(environments: Sequence[str]) -> str:
    """The reason why this machine can never have one of these environments; empty when it can."""
    reasons = (why_missing(name) for name in environments)
    return next((reason for reason in reasons if reason.startswith(_NO_INTERPRETER)), "")


def install_browser() -> None:
    """Install Chromium where it is missing and this process may. Each step is tried several times, since a registry may
    be unreachable for a moment. Without a browser the suite's tests are skipped, which counts as a failure.
    """
    if shutil.which("chromium") or not shutil.which("apt-get") or os.geteuid() != 0:
        return
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
        if not _tried(["apt-get", *command]):
            print(f"`apt-get {' '.join(command)}` failed {TRIES} times: there is no Chromium for the tests", flush=True)
            return


def _tried(command: Sequence[str]) -> bool:
    """Whether the command succeeds in one of TRIES tries; what it says is shown."""
    for number in range(TRIES):
        SystemClock().sleep(number * PAUSE_SECONDS)
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0:
            return True
    return False


def lines(ran: Sequence[Ran]) -> list[str]:
    """The lines at the end: each suite, what this machine cannot run, and the totals."""
    width = max(len(each.suite.name) for each in ran)
    told = [_line(each, width) for each in ran]
    told += [f"Not run here: {each.suite.name} ({each.excuse})" for each in ran if each.excuse]
    return [*told, f"{sum(each.passed for each in ran)} passed, {sum(each.failed for each in ran)} failed"]


def _line(ran: Ran, width: int) -> str:
    counted = ", ".join(f"{number:,} {what}" for what, number in ran.counts.items()) or f"exit code {ran.code}"
    verdict = "FAILED" if ran.failed else "ok"
    return f"{ran.suite.name:{width}}  {verdict:6}  {ran.seconds:5.0f} s  {counted}"


if __name__ == "__main__":
    main()

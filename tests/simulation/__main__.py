"""Runs scenarios by hand and by night. One that fails prints how to repeat it, and what happened.

`clean`, `random SEED` and `at FUNCTION/OPERATION/OCCURRENCE/FAULT` tell one scenario; `nightly` tells many.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from gridwatch.localcloud.faults import Fault
from tests.simulation.blueprint import Blueprint
from tests.simulation.faults import At
from tests.simulation.story import Scenario, ScenarioResult, at_random, clean, one_after_the_other, one_fault, tell

PROGRESS_EVERY = 20
LAST_LINES = 60  # of what happened in a scenario that fails; all of it is printed when it is told alone


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        blueprint = Blueprint.create(Path(folder))
        if arguments[:1] == ["nightly"]:
            return _nightly(arguments[1:], blueprint)
        told = tell(_scenario(arguments), blueprint)
    print("\n".join(told.trace))
    print(f"{told.faults} faults, {told.redriven} dead letters redriven")
    print("\n".join(told.broken) or "all holds")
    return 1 if told.broken else 0


def _scenario(arguments: list[str]) -> Scenario:
    match arguments:
        case ["clean"]:
            return clean()
        case ["random", seed]:
            return at_random(int(seed))
        case ["at", place]:
            function, operation, occurrence, fault = place.split("/")
            return one_fault(At(function, operation, int(occurrence), Fault(fault)))
    raise SystemExit(__doc__)


def _nightly(arguments: list[str], blueprint: Blueprint) -> int:
    parser = argparse.ArgumentParser("nightly")
    parser.add_argument("--scenarios", type=int, default=500, help="that are drawn at random")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, help="of the scenarios with one fault, so many are left out")
    chosen = parser.parse_args(arguments)
    began = time.monotonic()
    scenarios = [at_random(seed) for seed in range(chosen.first, chosen.first + chosen.scenarios)]
    scenarios += list(one_after_the_other(tell(clean(), blueprint).calls))[:: chosen.every]
    failed = faults = letters = told_so_far = 0
    with ProcessPoolExecutor(chosen.processes) as pool:
        for told in pool.map(_told, scenarios, [blueprint.folder] * len(scenarios), chunksize=4):
            faults, letters = faults + told.faults, letters + told.redriven
            told_so_far += 1
            if told_so_far % PROGRESS_EVERY == 0:
                print(f"{told_so_far} of {len(scenarios)} told, {failed} failed", flush=True)
            if told.broken:
                failed += 1
                print("\n".join(report(told)), flush=True)
    minutes = (time.monotonic() - began) / 60
    print(
        f"{len(scenarios)} scenarios, {chosen.scenarios} of them at random, with {faults} faults and {letters} dead "
        f"letters that were redriven; {failed} failed; {minutes:.1f} minutes"
    )
    return 1 if failed else 0


def _told(scenario: Scenario, folder: Path) -> ScenarioResult:
    try:
        told = tell(scenario, Blueprint(folder))
    except Exception:  # noqa: BLE001 - the others are told all the same
        return ScenarioResult(scenario, broken=[traceback.format_exc()])
    if not told.broken:
        told.trace = []
    told.calls = dict(told.calls)
    return told


def report(told: ScenarioResult) -> Iterator[str]:
    yield f'FAILED, again by: make chaos-one SCENARIO="{told.scenario.command}"'
    yield from (f"  {sentence}" for sentence in told.broken)
    yield from (f"    {line}" for line in told.trace if "<--" in line)
    yield from (f"    {line}" for line in told.trace[-LAST_LINES:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

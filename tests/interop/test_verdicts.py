"""Rule classes of the public kinds come to the same verdict under smdebug's own loop and in Gridwatch's process for
rules of users: status, step, class of an error and its words, on trials of many kinds that smdebug wrote.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridwatch_hook.collection import ANY_LOOP
from gridwatch_hook.config import HookConfig
from gridwatch_hook.hook import Hook
from gridwatch_hook.modes import Mode
from scripts.peer_environment import python_of
from tests.interop.conftest import PEERS, Peers

ROOT = Path(__file__).parents[2]
RULES = ROOT / "tests" / "data" / "rules" / "public_classes.py"
CLASSES = re.findall(r"^class (\w+)\((?:Rule|CPUBusy)\)", RULES.read_text(), re.MULTILINE)
PROFILE = ["CPUBusy", "SlowStep", "TellProfile"]
EVERY = [name for name in CLASSES if name not in PROFILE]
TELLING = [name for name in EVERY if name.startswith("Tell")]
# After notebooks, whose rules keep what they see, and files that are wrong; after AWS's rules on the profile.
KEPT = RULES.with_name("kept_and_wrong.py")
REPORTS = RULES.with_name("profile_reports.py")
KEEPING = re.findall(r"^class (\w+)\b", KEPT.read_text(), re.MULTILINE)
REPORTING = re.findall(r"^class (\w+)\b", REPORTS.read_text(), re.MULTILINE)
# One kind of trial each; those that make smdebug wait are asked about little.
ANYTHING = RULES.with_name("asking_anything.py")
SEEDS = 6
BY_EVERY = ("global", "phases", "workers", "reductions", "order", "shapes", "gap")
BY_MANY = ("predicted", "workers_modes", "devices", "stuck", "many", "text", "cut", "hollow", "empty")
MANY = [*TELLING, "CustomGradientRule", "LossNotDecreasing", "ExplodingTensor", "Patience", "Counts", "CallsSuper"]
FEW = {
    "unended": ["VanishingGradient", "Patience", "LooksAhead", "MissingTensor"],
    "lacking": ["Counts"],
}


def cases(folder: Path) -> list[Any]:
    """Of tensors every rule as it is; of profiles each with its threshold and with higher ones."""
    others = {"CompareTrials": {"other_trials": str(folder / "other")}}
    wanted = [(kind, EVERY) for kind in BY_EVERY] + [(kind, MANY) for kind in BY_MANY] + list(FEW.items())
    found: list[Any] = []
    for kind, names in wanted:
        opens = {"OpensTrials": {"path": str(folder / kind)}}
        found += [[str(folder / kind), str(RULES), name, {**others, **opens}.get(name, {})] for name in names]
    for kind in ("profile", "profile_running"):
        for name, threshold in itertools.product(PROFILE, ("50", "85", "500", "5000")):
            found.append([str(folder / kind), str(RULES), name, {"threshold": threshold}])
    found += [
        [str(folder / kind), str(ANYTHING), "AsksAnything", {"seed": str(seed)}]
        for kind in ("ours", "ours_workers", *BY_EVERY, *BY_MANY)
        for seed in range(SEEDS)
    ]
    ours = ("ours", "ours_workers")
    for kind, name in itertools.product((*ours, *BY_EVERY, "predicted", "workers_modes", "stuck", "text"), KEEPING):
        found.append([str(folder / kind), str(KEPT), name, {}])
    for kind, name in itertools.product(("machines", "machines_alone", "profile"), REPORTING):
        found.append([str(folder / kind), str(REPORTS), name, {}])
    return found


def write_ours(folder: Path) -> None:
    """What Gridwatch's hook writes."""
    reduced = {"include_regex": "weight$", "reductions": "mean,abs_max", "save_shape": "True"}
    listed = [{"CollectionName": "weights", "CollectionParameters": reduced}]
    hook = Hook.create(str(folder), HookConfig.parse({"CollectionConfigurations": listed}, ANY_LOOP))
    for step in range(12):
        hook.set_mode(Mode.EVAL if step % 4 == 3 else Mode.TRAIN)
        hook.save_scalar("loss", 1 / (1 + step), collection="losses")
        hook.save_tensor("fc.weight", np.ones((3, step + 1)))
        hook.save_tensor("gradient/fc.weight", np.full((2, 2), step / 10))
        hook.next_step()
    assert hook.close().clean


def write_ours_of_workers(folder: Path) -> None:
    """What it writes of a job of two workers, with reductions, shapes and an interval."""
    reduced = {"include_regex": "weight$", "reductions": "min,l2_norm", "save_raw_tensor": "True", "save_shape": "True"}
    document = {
        "HookParameters": {"include_workers": "all", "save_interval": "2"},
        "CollectionConfigurations": [{"CollectionName": "weights", "CollectionParameters": reduced}],
    }
    hooks = [Hook.create(str(folder), HookConfig.parse(document, ANY_LOOP), rank=rank, workers=2) for rank in range(2)]
    for step, (rank, hook) in itertools.product(range(15), enumerate(hooks)):
        hook.set_mode(Mode.EVAL if step % 5 == 4 else Mode.TRAIN)
        hook.save_scalar("loss", 1 / (1 + step) + rank / 10, collection="losses")
        hook.save_tensor("fc.weight", np.full((3, 2), float(step + rank)))
        hook.next_step()
    assert all(hook.close().clean for hook in hooks)


def answers(command: list[str], asked: list[Any]) -> list[Any]:
    quiet = {**os.environ, "SMDEBUG_LOG_LEVEL": "error", "SMDEBUG_TRAINING_END_DELAY_REFRESH": "0"}
    finished = subprocess.run(
        [*command], input=json.dumps(asked), capture_output=True, text=True, cwd=ROOT, env=quiet, check=False
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    found: list[Any] = json.loads(finished.stdout.splitlines()[-1].removeprefix("ANSWER "))
    return found


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory, local_peers: Peers) -> list[tuple[Any, Any, Any]]:
    """Case, what smdebug says, what we say."""
    folder = tmp_path_factory.mktemp("kinds")
    local_peers.ask("write_kinds", folder)
    write_ours(folder / "ours")
    write_ours_of_workers(folder / "ours_workers")
    asked = cases(folder)
    theirs = answers([str(python_of("interop")), "-W", "ignore", str(PEERS / "verdicts.py")], asked)
    ours = answers([sys.executable, "-W", "ignore", "-m", "tests.interop.judge_many"], asked)
    return list(zip(asked, theirs, ours, strict=True))


def test_verdict_step_and_words_are_smdebugs(verdicts: list[tuple[Any, Any, Any]]) -> None:
    differ = [
        f"{Path(folder).name} {name}: {theirs} {ours}"
        for (folder, _, name, _), theirs, ours in verdicts
        if theirs != ours
    ]
    assert differ == []


def test_every_kind_of_verdict_is_among_them(verdicts: list[tuple[Any, Any, Any]]) -> None:
    """The comparison says nothing of rules that never fire, or of trials on which nothing does."""
    assert len(EVERY) + len(KEEPING) + len(REPORTING) >= 80
    said = [theirs[0] for _, theirs, _ in verdicts]
    assert {status: said.count(status) >= least for status, least in LEAST.items()} == dict.fromkeys(LEAST, True)
    silent = {*CLASSES, *KEEPING, *REPORTING} - {
        name for (_, _, name, _), theirs, _ in verdicts if theirs[0] != "NoIssuesFound"
    }
    assert silent <= NEVER


LEAST = {"IssuesFound": 100, "NoIssuesFound": 100, "Error": 60, "InProgress": 6}
NEVER = {"EndsItself", "MissingTensor", "AsksOddly", "LowUse", "TimeByPhase", "Use", "Unbalanced"}

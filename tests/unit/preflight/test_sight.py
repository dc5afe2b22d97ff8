"""What can be told before a launch of rules that will see nothing: machines, metrics, scripts without a hook."""

from __future__ import annotations

import io
import random
import sys
import tarfile
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from gridwatch.domain.notices import Notice
from gridwatch.launch.hook import KNOWN
from gridwatch.launch.plan import make_plan
from gridwatch.launch.template import Inputs
from gridwatch.preflight.foreseen import Saving, foresee
from gridwatch.preflight.foreseen_profile import foresee_profile
from gridwatch.preflight.hook_use import hooks_of
from gridwatch.preflight.sight import blind_rules
from gridwatch.preflight.xgboost_tensors import INTERVAL, PATTERNS, hook_saves
from gridwatch_hook import collection as hook_collections
from gridwatch_rules.rules.catalogue import create_rule
from gridwatch_rules.rules.profiler.rule import ProfilerRule
from tests.contract.test_foreseen_rules import RULES, SAVES_ALL
from tests.unit.functions.world import HOOK
from tests.unit.launch.test_requests import DEPLOYMENT
from tests.unit.spec.specs import EXAMPLES, blobs, parsed


def test_a_function_without_numpy_foresees_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """`launch_grid` has none."""
    point = {"objective": "binary:logistic", "num_round": 12, "eval_metric": "auc"}
    foreseen = hook_saves(point, ["train", "validation"], SAVES_ALL, 12)
    told = [foresee(create_rule(rule, parameters), foreseen).judges for rule, parameters in RULES]
    monkeypatch.setitem(sys.modules, "numpy", None)
    without = [foresee(create_rule(rule, parameters), foreseen).judges for rule, parameters in RULES]
    # What takes an array to tell counts as seen: a false warning would be worse.
    differ = {rule for (rule, _), one, other in zip(RULES, told, without, strict=True) if one is not other}
    assert differ <= {"AllZero", "ExplodingTensor", "UnchangedTensor"}


def test_the_hooks_collections_are_known_here() -> None:
    assert hook_collections.XGBOOST.patterns == PATTERNS
    assert hook_collections.XGBOOST.save_interval == INTERVAL
    assert hook_collections.KNOWN == KNOWN


@pytest.mark.parametrize(
    ("rule", "gpus", "rounds", "judges"),
    [
        ("CPUBottleneck", 0, None, False),
        ("CPUBottleneck", 1, None, True),
        ("BatchSize", 0, None, False),
        ("LoadBalancing", 1, None, False),
        ("LoadBalancing", 2, None, True),
        ("StepOutlier", 0, 100, False),
        ("StepOutlier", 0, 101, True),
        ("MaxInitializationTime", 0, 10, True),
        ("OverallSystemUsage", 0, 10, True),
        ("ProfilerReport", 0, 10, True),
    ],
)
def test_profiler_rules_need_the_machine_and_the_steps(rule: str, gpus: int, rounds: int | None, judges: bool) -> None:
    made = create_rule(rule, {})
    assert isinstance(made, ProfilerRule)
    assert foresee_profile(made, gpus=gpus, rounds=rounds, loads=False) is judges


def test_only_pytorch_has_processes_that_load_data() -> None:
    for loads in (True, False):
        made = create_rule("Dataloader", {})
        assert isinstance(made, ProfilerRule)
        assert foresee_profile(made, gpus=0, rounds=None, loads=loads) is loads


def told(document: dict[str, Any], *, hook: bool | None = None) -> list[Notice]:
    spec = parsed(document)
    etags = {name: {"k": "etag"} for name in spec.spec.data}
    source = "s3://experiments/code/sources/0.tar.gz" if spec.spec.algorithm.entry_point else None
    deployment = replace(DEPLOYMENT, custom_rule_sources=("s3://rules/",))
    plan = make_plan(spec, deployment, Inputs(etags=etags, source_uri=source, source_digest="0"))
    return list(blind_rules(replace(plan, script_hook=hook)))


def watched(
    *rules: dict[str, Any], rounds: int = 100, interval: int | None = None, **hyperparameters: Any
) -> dict[str, Any]:
    document = blobs()
    document["hyperparameters"] = {**document["hyperparameters"], **hyperparameters}
    document["grid"] = {"num_round": [rounds // 2, rounds]}
    document["collect"] = {"metrics": {"save_interval": interval}} if interval else {}
    document["rules"] = list(rules)
    return document


def aucs(*rules: dict[str, Any]) -> dict[str, Any]:
    objective = {"metric": "validation-auc", "direction": "maximize"}
    return watched(*rules, eval_metric="auc") | {"objective": objective}


def script(*rules: dict[str, Any], framework: str = "pytorch", **metrics: str) -> dict[str, Any]:
    return blobs() | {
        "algorithm": {
            "framework": framework, "version": "2.10" if framework == "pytorch" else "1.4-2", "entry_point": "train.py",
            "metrics": metrics or {"val_loss": "val_loss=(.*)"},
        },
        "objective": {"metric": next(iter(metrics), "val_loss"), "direction": "minimize"},
        "hyperparameters": {}, "grid": {"lr": [0.1, 0.2]}, "rules": list(rules), "collect": {},
    }  # fmt: skip


LOSS = {"rule": "LossNotDecreasing", "parameters": {"collection_names": "metrics", "num_steps": 10}}
ASHA = {"rule": "ASHA", "parameters": {"grace": 3}}


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_rule_of_the_examples_is_blind(example: Path) -> None:
    assert told(yaml.safe_load(example.read_text())) == []


@pytest.mark.parametrize(
    ("document", "word"),
    [
        (aucs(LOSS), "there will be only train-auc at"),
        (watched(LOSS, rounds=10), "validation-error at one step"),
        (watched({"rule": "Hang"}), "heartbeats"),
        (watched({"rule": "MetricPlateau", "parameters": {"patience": 50}}, rounds=40), "at 51 steps"),
        (watched({"rule": "MetricPlateau", "parameters": {"patience": 20}}), "at 21 steps"),
        (watched({"rule": "VanishingGradient"}), "of what the jobs save none is it"),
        (watched({"rule": "DeadRelu"}), "relu_output"),
        (watched({"rule": "CPUBottleneck"}), "has no GPU"),
        (watched({"when": "scalars['validation-f1'] < 0.5", "name": "low"}), "the scalar validation-f1"),
        (watched({"rule": "Patience", "parameters": {"patience": 100}}), "101 reports of validation-error"),
        (watched({"rule": "ASHA", "parameters": {"metric": "validation-auc"}}), "its jobs report train-"),
        (watched({"rule": "TreeDepth"}, booster="gblinear"), "trees/Node"),
    ],
)
def test_a_rule_that_will_see_nothing_is_told(document: dict[str, Any], word: str) -> None:
    (notice,) = told(document)
    assert (notice.check, notice.field) == ("intervals", "rules[0]")
    assert "will see nothing to judge by" in notice.message
    assert word in notice.message
    assert notice.advice


@pytest.mark.parametrize(
    "rule",
    [
        LOSS,
        {"rule": "MetricPlateau", "parameters": {"patience": 4}},
        {"rule": "MetricNonFinite"},
        {"rule": "TreeDepth"},
        {"rule": "ExplodingTensor", "parameters": {"collection_names": "metrics"}},
        {"when": "value > 1.0", "name": "high", "parameters": {"collection_names": "metrics"}},
        ASHA,
    ],
)
def test_a_rule_that_sees_enough_is_left_in_peace(rule: dict[str, Any]) -> None:
    assert told(watched(rule)) == []


def test_a_rule_that_is_blind_in_some_trials_says_in_how_many() -> None:
    (notice,) = told(watched({"rule": "Patience", "parameters": {"patience": 60}}))
    assert "in 1 of 2 trials" in notice.message


def test_rules_look_at_what_the_hook_was_told_to_save_and_not_at_the_log_that_repeats_it() -> None:
    assert told(watched(LOSS, rounds=2_000, interval=500)) == []
    (notice,) = told(watched({"rule": "MetricPlateau", "parameters": {"patience": 9}}, interval=10))
    assert "in 1 of 2 trials" in notice.message


def test_a_stride_finer_than_the_saving_is_no_blindness() -> None:
    """It compares what lies further apart."""
    assert told(watched(LOSS, rounds=2_000, interval=500)) == []


def test_a_long_training_is_not_taken_for_one_that_ends_where_nobody_looks_any_more() -> None:
    late = {"when": "step > 90000 && scalars['validation-error'] > 0.5", "name": "late"}
    assert told(watched(late, rounds=400_000)) == []
    assert told(watched(late, rounds=50_000)) != []


def test_a_built_in_algorithm_has_no_tensors_and_no_metrics_that_rules_could_read() -> None:
    document = blobs() | {
        "algorithm": {"name": "kmeans"}, "objective": {"metric": "test:msd", "direction": "minimize"},
        "hyperparameters": {"k": 3, "feature_dim": 2}, "grid": {"init_method": ["random", "kmeans++"]}, "collect": {},
        "rules": [LOSS, ASHA], "data": {"train": {"uri": "a/train.csv", "content_type": "text/csv"}},
    }  # fmt: skip
    assert [notice.field for notice in told(document)] == ["rules[0]", "rules[1]"]


def test_a_script_without_a_hook_has_what_its_log_says_and_nothing_else() -> None:
    rules = [{"rule": "VanishingGradient"}, LOSS, {"rule": "ProfilerReport"}, ASHA]
    rules += [{"when": "scalars['acc'] < 0.1", "name": "low"}]
    assert told(script(*rules), hook=True) == []
    assert told(script(*rules), hook=None) == []
    found = {notice.field: notice.message for notice in told(script(*rules), hook=False)}
    assert set(found) == {"rules[0]", "rules[2]", "rules[4]"}
    assert "the script uses no hook" in found["rules[0]"]
    assert "its jobs write no profile" in found["rules[2]"]
    (notice,) = told(script(LOSS, val_acc="acc=(.*)"), hook=False)
    assert "val_acc" in notice.message


def brought(document: dict[str, Any]) -> list[str]:
    """The warnings where the deployment brings the hook into a script that makes none."""
    spec = parsed(document)
    inputs = Inputs(etags={name: {"k": "etag"} for name in spec.spec.data}, source_uri="s3://b/s.tar.gz",
                    source_digest="0", hooks=frozenset())  # fmt: skip
    plan = make_plan(spec, replace(DEPLOYMENT, **HOOK), inputs)
    return [notice.message for notice in blind_rules(plan)]


def test_the_hook_that_is_brought_supplies_what_rules_look_for() -> None:
    rules = [{"rule": "VanishingGradient"}, {"rule": "DeadRelu"}, LOSS, ASHA]
    assert brought(script(*rules)) == []
    assert len(told(script(*rules), hook=False)) == 2
    off = brought(script(*rules) | {"hook": "off"})
    assert len(off) == 2
    assert "the script uses no hook" in off[0]


def test_what_the_hook_that_is_brought_does_not_see_is_told() -> None:
    (profile,) = brought(script({"rule": "ProfilerReport"}))
    assert "hook: own" in profile
    (tensors,) = brought(script({"rule": "VanishingGradient"}, LOSS, framework="sklearn"))
    assert "saves no tensors of sklearn" in tensors


def test_a_rule_of_ones_own_sees_nothing_where_there_is_no_hook() -> None:
    own = {"source": "s3://rules/a.py", "class": "Own", "name": "own"}
    document = script(own)
    assert told(document, hook=None) == []
    (notice,) = told(document, hook=False)
    assert notice.message.startswith("own will see nothing to judge by")


def uses_hook(packed: bytes) -> bool | None:
    return Inputs(etags={}, hooks=hooks_of(packed)).hook


def archive(**files: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.replace("__", "."))
            entry.size = len(content.encode())
            tar.addfile(entry, io.BytesIO(content.encode()))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("files", "uses"),
    [
        ({"train__py": "import torch\n"}, False),
        ({"train__py": "# no gridwatch_hook, and no smdebug\nimport torch\n"}, False),
        ({"train__py": "from gridwatch_hook.pytorch import PyTorchHook\n"}, True),
        ({"train__py": "import torch", "lib__py": "import smdebug.pytorch as smd\n"}, True),
        ({"train__py": "import gridwatch_hook\ngridwatch_hook.log(loss=1.0)\n"}, False),
        ({"train__py": "import gridwatch_hook as hook\nhook.log(loss=1.0)\nhook.on_checkpoint(save)\n"}, False),
        ({"train__py": "from gridwatch_hook import log\nlog(loss=1.0)\n"}, False),
        ({"train__py": "from gridwatch_hook import Hook, log\n"}, True),
        ({"train__py": "import gridwatch_hook\nhook = gridwatch_hook.Hook.create('x')\n"}, True),
        ({"train__py": "import gridwatch_hook.pytorch\ngridwatch_hook.log(loss=1.0)\n"}, True),
        ({"train__py": "from gridwatch_hook import log", "lib__py": "from gridwatch_hook.keras import K\n"}, True),
        ({"train__py": "from gridwatch_hook import log\nlog(a=1)", "requirements__txt": "gridwatch-hook\n"}, None),
        ({"train__py": "import importlib\nimportlib.import_module('gridwatch_hook')\n"}, True),
        ({"train__py": "print 'gridwatch_hook'\n"}, None),
        ({"train__py": "import torch", "requirements__txt": "gridwatch-hook\n"}, None),
        ({"train__py": "import torch", "requirements__txt": "numpy\n"}, False),
    ],
)
def test_a_hook_is_found_by_what_the_source_imports(files: dict[str, str], uses: bool | None) -> None:
    assert uses_hook(archive(**files)) is uses


def test_what_is_no_archive_says_nothing() -> None:
    assert uses_hook(b"no archive") is None


@pytest.mark.parametrize("packing", ["w:gz", "w:xz", "w:bz2"])
def test_a_damaged_archive_says_nothing_or_what_is_still_there(packing: Literal["w:gz", "w:xz", "w:bz2"]) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=packing) as tar:
        for name, content in (("train.py", b"import torch\n"), ("noise.bin", random.Random(1).randbytes(50_000))):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    sound = packed.getvalue()
    for place in range(10, len(sound), len(sound) // 40):
        damaged = bytearray(sound)
        damaged[place] ^= 0xFF
        assert uses_hook(bytes(damaged)) in (None, False)
        assert uses_hook(sound[:place]) in (None, False)


def test_an_archive_that_unpacks_to_much_takes_little_memory() -> None:
    large = archive(**{f"data{number}.json": "0" * 1_900_000 for number in range(40)})
    tracemalloc.start()
    try:
        assert uses_hook(large) is False
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_collections_are_saved_at_the_steps_that_the_hook_saves() -> None:
    assert Saving(interval=10).count(100) == 10
    assert Saving(interval=10, start=15).count(100) == 8
    assert Saving(interval=10, end=50).count(100) == 5
    assert Saving(interval=0, steps=frozenset({1, 5, 200})).count(100) == 2
    given = {"save_interval": "5", "global.save_interval": "20", "train.save_interval": "1"}
    assert Saving.of(given, INTERVAL) == Saving(interval=20)
    assert Saving.of({"save_steps": "1, 3"}, INTERVAL) == Saving(interval=0, steps=frozenset({1, 3}))

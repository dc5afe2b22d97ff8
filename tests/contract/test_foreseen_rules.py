"""A rule is told to see nothing before the launch exactly when it ends as SawNothing in a training that was really
made: XGBoost's, saved by the hook.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from gridwatch.domain.rules import RulePolicy
from gridwatch.launch.hook import hook_document, looks_at_every
from gridwatch.preflight.foreseen import foresee
from gridwatch.preflight.xgboost_tensors import hook_saves
from gridwatch_rules.rules.catalogue import create_rule, rule_names
from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.rules.profiler.evaluation import is_profiler_rule
from gridwatch_rules.status import RuleStatus
from gridwatch_rules.tensors.reader import TensorReader
from gridwatch_rules.tensors.source import LocalSource
from tests.unit.rules.judging import NOW

ROOT = Path(__file__).resolve().parents[2]
METRICS: dict[str, Mapping[str, Any]] = {
    "its own": {},
    "auc": {"eval_metric": "auc"},
    "auc, logloss": {"eval_metric": "auc,logloss"},
    "logloss, aucpr": {"eval_metric": "logloss,aucpr"},
    "error": {"eval_metric": "error"},
    "error@0.7": {"eval_metric": "error@0.7"},
    "map, ndcg": {"eval_metric": "map,ndcg", "objective": "rank:ndcg"},
    "linear": {"eval_metric": "logloss", "booster": "gblinear"},
    "a regression": {"objective": "reg:squarederror"},
    "one round": {"num_round": 1},
    "two rounds": {"num_round": 2},
    "three rounds of auc": {"num_round": 3, "eval_metric": "auc"},
}
SAVES_ALL = {
    "HookParameters": {"save_all": "true"},
    "CollectionConfigurations": [
        {"CollectionName": "metrics", "CollectionParameters": {"save_interval": "1"}},
        {"CollectionName": "losses", "CollectionParameters": {"save_interval": "4"}},
        {"CollectionName": "all", "CollectionParameters": {"save_interval": "3"}},
    ],
}
RULES: list[tuple[str, Mapping[str, Any]]] = [
    *((name, {}) for name in rule_names() if not is_profiler_rule(name) and name not in (
        "AllZero", "Expression", "MetricThreshold", "SimilarAcrossRuns", "TensorVariance", "UnchangedTensor",
    )),
    ("AllZero", {"collection_names": "metrics"}),
    ("AllZero", {"collection_names": "gradients"}),
    ("AllZero", {"collection_names": "trees"}),
    ("Divergence", {"patience": 3}),
    ("Expression", {"expression": "scalars['validation-logloss'] > 9.0"}),
    ("Expression", {"expression": "scalars['validation-auc'] > 1.5 * scalars['train-auc'] && step > 1"}),
    ("Expression", {"expression": "step > 5 && value > 9.0"}),
    ("Expression", {"expression": "value > 9.0", "patience": 4}),
    ("ExplodingTensor", {"tensor_regex": "trees/ID"}),
    ("LossNotDecreasing", {"collection_names": "metrics", "num_steps": 1}),
    ("LossNotDecreasing", {"collection_names": "metrics", "num_steps": 3}),
    ("LossNotDecreasing", {"tensor_regex": "validation-auc", "use_losses_collection": "False", "num_steps": 1}),
    ("MetricPlateau", {"patience": 2}),
    ("MetricThreshold", {"above": 9}),
    ("MetricThreshold", {"above": 9, "start_step": 8}),
    ("MetricThreshold", {"above": 9, "tensor_regex": "validation-ndcg"}),
    ("Oscillation", {"window": 4}),
    ("Overfit", {"patience": 2}),
    ("Overtraining", {"patience_train": 2}),
    ("TensorVariance", {"collection_names": "predictions", "max_threshold": 99}),
    ("UnchangedTensor", {"collection_names": "metrics", "num_steps": 2}),
    ("UnchangedTensor", {"collection_names": "labels", "num_steps": 4}),
]  # fmt: skip


def trained(jobs: Sequence[Mapping[str, Any]]) -> None:
    """Small trainings under hooks, in the environment that trains in the local cloud."""
    script = Path(__file__).with_name("training_with_hook.py")
    environment = {"PYTHONPATH": str(ROOT / "hook"), "PATH": ""}
    done = subprocess.run(
        [ROOT / ".venvs/xgboost/bin/python", script], input=json.dumps(jobs), text=True, capture_output=True,
        env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def point_of(name: str, rounds: int) -> Mapping[str, Any]:
    return {"objective": "binary:logistic", "num_round": rounds, "max_depth": 2, **METRICS[name]}


def outcome(folder: Path, rule: str, parameters: Mapping[str, Any], every: int = 1) -> RuleStatus:
    evaluation = Evaluation.create([RuleConfiguration("it", rule, parameters, every)])
    evaluation.advance(TensorReader(LocalSource(folder)), now=NOW, ended=True)
    return evaluation.statuses["it"].status


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[str, bool], Path]:
    """Everything that a hook can save, of each kind of training."""
    found = {(name, validated): tmp_path_factory.mktemp("job") for name in METRICS for validated in (True, False)}
    trained(
        [
            {"folder": str(folder), "point": point_of(name, 12), "document": SAVES_ALL, "validated": validated}
            for (name, validated), folder in found.items()
        ]
    )
    return found


@pytest.mark.parametrize("validated", [True, False], ids=["with validation", "without"])
@pytest.mark.parametrize("name", METRICS)
def test_a_warning_means_that_the_rule_saw_nothing_and_none_that_it_judged(
    folders: Mapping[tuple[str, bool], Path], name: str, validated: bool
) -> None:
    point = point_of(name, 12)
    channels = ["train", "validation"] if validated else ["train"]
    foreseen = hook_saves(point, channels, SAVES_ALL, point["num_round"])
    wrong = []
    for rule, parameters in RULES:
        warned = not foresee(create_rule(rule, parameters), foreseen).judges
        found = outcome(folders[name, validated], rule, parameters)
        if warned is not (found is RuleStatus.SAW_NOTHING):
            wrong.append((rule, dict(parameters), "warned" if warned else "not warned", found.value))
    assert not wrong


OWN = [
    "VanishingGradient", "WeightUpdateRatio", "PoorWeightInitialization", "DeadRelu", "TreeDepth", "LossNotDecreasing",
    "MetricPlateau", "Overfit", "ClassImbalance",
]  # fmt: skip
KINDS = ["auc", "auc, logloss", "linear", "three rounds of auc"]


@pytest.fixture(scope="module")
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[str, str], Path]:
    """What a hook saves for one rule alone."""
    found = {(name, rule): tmp_path_factory.mktemp("job") for name in KINDS for rule in OWN}
    trained(
        [
            {
                "folder": str(folder), "point": point_of(name, 25), "validated": True,
                "document": hook_document({}, [RulePolicy(name="it", rule=rule)]),
            }
            for (name, rule), folder in found.items()
        ]
    )  # fmt: skip
    return found


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("rule", OWN)
def test_so_it_is_with_what_a_rule_makes_its_own_hook_save(
    own_folders: Mapping[tuple[str, str], Path], name: str, rule: str
) -> None:
    """Also, that no rule's wish makes the hook refuse its configuration, which would fail every job."""
    point, policy = point_of(name, 25), RulePolicy(name="it", rule=rule)
    every = looks_at_every(policy, ())
    foreseen = hook_saves(point, ["train", "validation"], hook_document({}, [policy]), point["num_round"])
    warned = not foresee(create_rule(rule, {}), foreseen, every).judges
    assert warned is (outcome(own_folders[name, rule], rule, {}, every) is RuleStatus.SAW_NOTHING)

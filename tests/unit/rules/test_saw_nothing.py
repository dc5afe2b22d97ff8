"""What each rule on tensors must have seen to judge: with it there is a verdict, with a little less it saw nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from gridwatch_rules.rules.catalogue import rule_names
from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.rules.profiler.evaluation import is_profiler_rule
from gridwatch_rules.rules.sources import SourcesEvaluation
from gridwatch_rules.status import RuleStatus, event_status, status_of_event
from gridwatch_rules.streams.metric_source import MetricSource
from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.tensors.reader import TensorReader
from tests.tensor_folder import TensorFolder
from tests.unit.rules.judging import NOW, judge

SAW_NOTHING, NO_ISSUES = RuleStatus.SAW_NOTHING, RuleStatus.NO_ISSUES_FOUND
Step = Mapping[str, Any]

COLLECTIONS = {
    "metrics": [r"^[^/]+-[^/]+$", "^(val_)?(loss|acc)"], "losses": ["loss", "error"], "gradients": ["^gradient"],
    "weights": ["^weight"], "relu_input": ["relu.*_input"], "relu_output": ["relu.*_output"], "labels": ["^labels"],
    "scalars": ["^learning_rate"], "predictions": ["^predictions"], "feature_importance": ["^feature_importance"],
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """`enough`: steps with which the rule has a verdict; `short`: such as lack a little for it."""

    rule: str
    enough: Sequence[Step]
    short: Sequence[Step]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    modes: Sequence[Mode] = ()

    def folder(self, steps: Sequence[Step]) -> TensorFolder:
        folder = TensorFolder(COLLECTIONS)
        modes = self.modes or [Mode.GLOBAL] * len(steps)
        for number, (step, mode) in enumerate(zip(steps, modes, strict=False)):
            folder.save(number, step, mode=mode)
        return folder


def series(name: str, *values: float) -> list[Step]:
    return [{name: [value]} for value in values]


IMAGE, FEW_IMAGES = np.zeros((5, 3, 2, 2)), np.zeros((4, 3, 2, 2))
LAYER = np.ones((4, 8))
PAIR = {"labels": np.array([0, 1]), "predictions": np.array([0, 1])}

CASES = [
    Case("AllZero", [{"weight": [1.0]}], [{"weight": np.array(["text"])}], {"collection_names": "weights"}),
    Case("CheckInputImages", [{"image": IMAGE}], [{"image": FEW_IMAGES}], {"regex": "image", "threshold_samples": 5}),
    Case("ClassImbalance", [PAIR], [{"labels": np.array([0])}], {"samples": 2}),
    Case("ClassImbalance", [PAIR], [{"predictions": np.array([0, 1])}], {"samples": 2}),
    Case("Confusion", [PAIR], [{"labels": np.array([0, 1])}, {"predictions": np.array([0, 1])}]),
    Case("CreateXgboostReport", [{"train-rmse": [1.0]}], [{"other": [1.0]}]),
    Case("DataStarvation", [{"data_wait_seconds": [0.1], "step_seconds": [1.0]}] * 15,
         [{"data_wait_seconds": [0.1], "step_seconds": [1.0]}] * 14, {"window": 5}),
    Case("DeadRelu", [{"relu_output": LAYER}], [{"train-rmse": [1.0]}]),
    Case("Divergence", series("loss", 1, 1, 1), series("loss", 1, 1), {"patience": 2}),
    Case("Divergence", series("train-rmse", 1, 1), series("train-auc", 1, 1)),
    Case("EvalNeverRuns", [{"loss": [1], "eval_loss": [1]}] * 4 + [{"loss": [1]}],
         [{"loss": [1], "eval_loss": [1]}] * 3 + [{"loss": [1]}]),
    Case("EvalNeverRuns", series("eval_loss", 1), series("loss", 1, 1), {"within": 2}),
    Case("ExplodingTensor", [{"a": [1.0]}], [{"a": np.array(["text"])}]),
    Case("ExplodingTensor", [{"a": [1.0]}], [{"trees/Split": [1.0]}]),
    Case("Expression", series("loss", 1), series("other", 1), {"expression": "value > 2.0"}),
    Case("FeatureImportanceOverweight", [{"feature_importance/weight/a": [0.1]}], [{"feature_importance/gain/a": [1]}]),
    Case("GradientNormSpike", series("gradient_norm", *[1.0] * 17), series("gradient_norm", *[1.0] * 16)),
    Case("LabelsMasked", series("loss", 1), series("val_loss", 1)),
    Case("LearningRateFrozen", series("learning_rate", 1), series("rate", 1)),
    Case("LossNotDecreasing", series("loss", 3, 2, 1), series("loss", 3, 2), {"num_steps": 2}),
    Case("LossNotDecreasing", series("train-error", 2, 1), series("train-auc", 2, 1), {"num_steps": 1}),
    Case("LossNotDecreasing", series("loss", 2, 1), series("loss", 2, float("nan"), 1), {"num_steps": 1}),
    Case(
        "LossNotDecreasing", series("loss", 2, 1), series("loss", 2, 1), {"num_steps": 1, "mode": "EVAL"},
        [Mode.EVAL, Mode.EVAL],
    ),
    Case("LossSpike", series("loss", *[1.0] * 17), series("loss", *[1.0] * 16)),
    Case("MemoryCreep", series("private_bytes", *[1.0] * 16), series("private_bytes", *[1.0] * 15)),
    Case("MetricNonFinite", series("loss", 1, 1), series("loss", 1), {"patience": 2}),
    Case("MetricPlateau", series("loss", 3, 2, 1), series("loss", 3, 2), {"patience": 2}),
    Case("MetricPlateau", series("loss", 2, 1), [{"loss": [2]}, {"loss": [1], "acc": [1]}], {"patience": 1}),
    Case("MetricThreshold", series("loss", 1, 1), series("loss", 1), {"above": 2, "patience": 2}),
    Case("MetricThreshold", series("loss", 1, 1), series("loss", 1), {"above": 2, "start_step": 1}),
    Case("MetricThreshold", series("loss", 1), series("loss", float("nan")), {"above": 2}),
    Case("NLPSequenceRatio", [{"embedding0_input_0": [1, 2]}], [{"embedding0_input_0": np.array(["a"])}]),
    Case("NonFiniteGradient", series("grad_norm", 1.0), series("norm", 1.0)),
    Case("Oscillation", series("loss", 4, 3, 2, 1), series("loss", 3, 2, 1), {"window": 4}),
    Case("Overfit", [{"train-rmse": [1.0], "validation-rmse": [1.0]}], series("train-rmse", 1, 1)),
    Case("Overfit", [{"loss": [1.0], "val_loss": [1.0]}], [{"acc": [1.0], "val_acc": [1.0]}]),
    Case("Overfit", [{"loss": [1.0], "val_loss": [1.0]}] * 2, [{"loss": [1.0], "val_loss": [1.0]}], {"patience": 2}),
    Case("Overtraining", series("loss", 4, 3, 2), series("loss", 4, 3), {"patience_train": 2}),
    Case("Overtraining", series("val_loss", 4, 3), series("loss", 4, 3),
         {"patience_train": 2, "patience_validation": 1}),
    Case("PoorWeightInitialization", [{"relu_input": [1, 9], "relu1_input": [1, 9]}], [{"relu_input": [1, 9]}]),
    Case("PoorWeightInitialization", series("loss", 3, 2, 1), series("loss", 3, 2), {"patience": 2}),
    Case("SaturatedActivation", [{"tanh_input": LAYER}], [{"relu_input": LAYER}]),
    Case("StalledTrainingRule", [{"a": [1.0]}], []),
    Case("TensorVariance", [{"weight": [1.0, 2.0]}], [{"gradient": [1.0]}],
         {"collection_names": "weights", "max_threshold": 9}),
    Case("ThroughputDrop", series("step_seconds", *[1.0] * 12), series("step_seconds", *[1.0] * 11), {"window": 3}),
    Case("TreeDepth", [{"trees/Node": [0, 1]}], [{"trees/Tree": [0]}]),
    Case("UnchangedTensor", series("weight", 1, 2, 3), series("weight", 1, 2), {"collection_names": "weights"}),
    Case("VanishingGradient", [{"gradient/weight": [1.0]}], [{"weight": [1.0]}]),
    Case("VanishingGradientRatio", [{"gradient/weight0": [1.0], "gradient/weight1": [1.0]}],
         [{"gradient/weight0": [1.0], "gradient/bias1": [1.0]}]),
    Case("WeightUpdateRatio", series("weight", 1, 2), series("weight", 1)),
    Case("WeightUpdateRatio", series("weight", 1, 2), series("weight", 1, 2), {}, [Mode.TRAIN, Mode.TRAIN]),
]  # fmt: skip
_IDS = [f"{number}-{case.rule}" for number, case in enumerate(CASES)]


def test_every_rule_on_tensors_has_its_case() -> None:
    on_tensors = {name for name in rule_names() if not is_profiler_rule(name)}
    assert on_tensors == {case.rule for case in CASES} | {"SimilarAcrossRuns", "Hang", "Straggler"}


@pytest.mark.parametrize("case", CASES, ids=_IDS)
def test_with_what_it_needs_a_rule_has_a_verdict(case: Case) -> None:
    found = judge(case.folder(case.enough), case.rule, **case.parameters)
    assert (found.status, found.details) == (NO_ISSUES, "")


@pytest.mark.parametrize("case", [case for case in CASES if not case.modes], ids=lambda case: case.rule)
def test_with_a_little_less_it_saw_nothing_however_the_steps_come(case: Case) -> None:
    folder = case.folder(case.short)
    found = judge(folder, case.rule, **case.parameters)
    assert found.status is SAW_NOTHING
    assert found.details.startswith(f"{case.rule} looks for ")
    assert judge(folder, case.rule, folder.steps, **case.parameters) == found


@pytest.mark.parametrize(
    ("rule", "parameters", "modes"),
    [
        ("LossNotDecreasing", {"num_steps": 1, "mode": "EVAL"}, [Mode.TRAIN, Mode.TRAIN]),
        ("WeightUpdateRatio", {}, [Mode.EVAL, Mode.EVAL]),
        ("PoorWeightInitialization", {"patience": 1}, [Mode.EVAL, Mode.PREDICT]),
    ],
)
def test_steps_of_another_mode_are_nothing(rule: str, parameters: Mapping[str, Any], modes: Sequence[Mode]) -> None:
    steps: list[Step] = [{"loss": [2.0], "weight": [1.0]}, {"loss": [1.0], "weight": [2.0]}]
    assert judge(Case(rule, (), (), modes=modes).folder(steps), rule, **parameters).status is SAW_NOTHING


@pytest.mark.parametrize("case", CASES, ids=_IDS)
def test_a_job_that_saved_nothing_is_no_healthy_one(case: Case) -> None:
    found = judge(TensorFolder(), case.rule, **case.parameters)
    assert found.status is SAW_NOTHING
    assert found.details.endswith("; the job saved no tensors and reported no metrics")


def test_reductions_tell_what_they_can() -> None:
    folder = TensorFolder(COLLECTIONS)
    folder.save(0, {}, reductions={"weight": {"max": 2.0, "min": 1.0}})
    assert judge(folder, "AllZero", collection_names="weights").status is NO_ISSUES
    assert judge(folder, "AllZero", collection_names="weights", threshold=50).status is SAW_NOTHING
    assert judge(folder, "ExplodingTensor").status is NO_ISSUES
    assert judge(folder, "UnchangedTensor", collection_names="weights", num_steps=2).status is SAW_NOTHING


@pytest.mark.parametrize(("other", "status"), [("loss", NO_ISSUES), ("another", SAW_NOTHING)])
def test_jobs_are_compared_only_where_both_saved_a_tensor(other: str, status: RuleStatus) -> None:
    mine, theirs = TensorFolder(COLLECTIONS), TensorFolder(COLLECTIONS)
    mine.save(0, {"loss": [1.0]})
    theirs.save(0, {other: [1.0]})
    configuration = RuleConfiguration("it", "SimilarAcrossRuns", {"other_trials": "s3://b/other"})
    evaluation = Evaluation.create([configuration])
    evaluation.advance(TensorReader(mine.source(), lambda _: theirs.source()), now=NOW, ended=True)
    assert evaluation.statuses["it"].status is status


def test_it_says_what_it_looked_for_and_what_was_there() -> None:
    folder = TensorFolder(COLLECTIONS)
    for step in range(5):
        folder.save(step, {"train-auc": [0.5], "validation-auc": [0.5]})
    given = {"collection_names": "metrics", "num_steps": 3}
    assert judge(folder, "LossNotDecreasing", **given).details == (
        "LossNotDecreasing looks for a loss (a number that is better when lower) in the collections losses, metrics, "
        "finite at two steps of one mode that lie at least 3 steps apart; there was only train-auc at 5 steps, "
        "validation-auc at 5 steps"
    )
    assert judge(folder, "DeadRelu").details == (
        "DeadRelu looks for batches saved whole in the collection relu_output or tensors named like .*relu_output; "
        "none was there: in 5 steps the job saved train-auc at 5 steps, validation-auc at 5 steps"
    )


def test_many_and_long_names_are_cut() -> None:
    folder = TensorFolder()
    folder.save(0, {f"{'long' * 100}{number}": [1.0] for number in range(500)})
    found = judge(folder, "VanishingGradient")
    assert len(event_status(found.status, found.details)[1]) <= 1024
    assert "more" in found.details


@pytest.mark.parametrize(
    ("expression", "status"),
    [
        ("scalars['train-rmse'] > 2.0", NO_ISSUES),
        ("scalars['train-loss'] > 2.0", SAW_NOTHING),
        ("scalars['train-rmse'] > 1.5 * scalars['validation-rmse']", SAW_NOTHING),
        ("'train-loss' in scalars && scalars['train-loss'] > 2.0", SAW_NOTHING),
        ("'a' in scalars ? scalars['a'] > 2.0 : scalars['train-rmse'] > 2.0", NO_ISSUES),
        ("step > 2 && scalars['train-rmse'] > 2.0", NO_ISSUES),
        ("step > 20 && scalars['train-rmse'] > 2.0", SAW_NOTHING),
        ("step > 20 && scalars['train-loss'] > 2.0", SAW_NOTHING),
        ("step % 4 == 3 && value > 2.0", NO_ISSUES),
        ("step % 9 == 7 && value > 2.0", SAW_NOTHING),
        ("name == 'train-rmse' && value > 2.0", NO_ISSUES),
        ("name.contains('loss') && value > 2.0", SAW_NOTHING),
        ("mode == 'GLOBAL' && value > 2.0", NO_ISSUES),
        ("mode == 'EVAL' && value > 2.0", SAW_NOTHING),
        ("name == 'train-rmse' && value > 1.25 && value < 1.5", NO_ISSUES),
        ("name == 'train-rmse' && value > 1.5 * previous", NO_ISSUES),
        ("mean > 2.0", NO_ISSUES),
    ],
)
def test_an_expression_that_could_never_be_true_saw_nothing(expression: str, status: RuleStatus) -> None:
    folder = Case("Expression", (), ()).folder(series("train-rmse", 1, 1, 1, 1, 1))
    found = judge(folder, "Expression", expression=expression)
    assert found.status is status
    assert judge(folder, "Expression", folder.steps, expression=expression) == found


def test_an_expression_needs_as_many_values_as_its_patience() -> None:
    folder = Case("Expression", (), ()).folder(series("loss", 1, 1))
    assert judge(folder, "Expression", expression="value > 2.0", patience=2).status is NO_ISSUES
    assert judge(folder, "Expression", expression="value > 2.0", patience=3).status is SAW_NOTHING


def _without(saved: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state as version 34f0193 saved it, which knew only whether a rule had seen any tensor."""
    kept = json.loads(json.dumps(saved))
    del kept["sightings"]
    for rule in kept["rules"].values():
        del rule["judged"]
    return kept


@pytest.mark.parametrize(("name", "status"), [("loss", NO_ISSUES), ("other", SAW_NOTHING)])
def test_a_state_of_an_earlier_version_is_gone_on_from(name: str, status: RuleStatus) -> None:
    """Whether the rule had judged nobody knows any more, so what it saw counts."""
    configuration = RuleConfiguration("it", "MetricThreshold", {"above": 2})
    folder = TensorFolder(COLLECTIONS)
    folder.save(0, {name: [1.0]})
    evaluation = Evaluation.create([configuration])
    evaluation.advance(TensorReader(folder.source()), now=NOW, ended=False)
    restored = Evaluation.restore([configuration], _without(evaluation.save()))
    restored.advance(TensorReader(folder.source()), now=NOW, ended=True)
    assert restored.statuses["it"].status is status


HOOK, LOG = MetricSource.HOOK, MetricSource.LOG
THRESHOLD = RuleConfiguration("it", "MetricThreshold", {"above": 9})


@pytest.mark.parametrize(
    ("hook", "log", "expected"),
    [
        ("loss", "loss", NO_ISSUES),
        ("other", "loss", NO_ISSUES),
        ("loss", "other", NO_ISSUES),
        ("other", "other", SAW_NOTHING),
    ],
)
def test_a_rule_saw_nothing_only_if_no_source_let_it_judge(hook: str, log: str, expected: RuleStatus) -> None:
    folders = {HOOK: TensorFolder(COLLECTIONS), LOG: TensorFolder(COLLECTIONS)}
    for source, name in ((HOOK, hook), (LOG, log)):
        folders[source].save(0, {name: [1.0]})
    evaluation = SourcesEvaluation({source: Evaluation.create([THRESHOLD]) for source in folders})
    readers = {source: TensorReader(folder.source()) for source, folder in folders.items()}
    evaluation.advance(readers, now=NOW, ended=True)
    found = evaluation.statuses["it"]
    assert found.status is expected
    if expected is SAW_NOTHING:
        assert found.details == (
            "MetricThreshold looks for a number in the collections metrics, losses; of what the hook saved none is it "
            "(other at one step); of the log's metrics none is it (other at one step)"
        )


@pytest.mark.parametrize("status", RuleStatus)
def test_events_carry_every_status_and_give_it_back(status: RuleStatus) -> None:
    said, details = event_status(status, "what was there")
    assert status_of_event(said, details) == (status, "what was there")


def test_debuggers_own_error_over_nothing_is_recognised() -> None:
    details = (
        "ClientError: No debugging data was saved by the training job. Check that the debugger hook was configured "
        "correctly before starting the training job. Exception: Training job has ended. All the collection files could "
        "not be loaded"
    )
    assert status_of_event(RuleStatus.ERROR, details) == (SAW_NOTHING, details)
    assert status_of_event(RuleStatus.ERROR, "KeyError: 'loss'")[0] is RuleStatus.ERROR

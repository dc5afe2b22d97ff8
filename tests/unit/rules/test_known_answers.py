"""Each rule on tensors whose answer is known from its description: where it fires, where it just does not, and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import numpy as np
import pytest

from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.tensors.reader import TensorReader
from tests.tensor_folder import TensorFolder
from tests.unit.rules.judging import NOW, find

Steps = dict[int, Any]


def folder_of(name: str, steps: Steps, collections: dict[str, list[str]] | None = None) -> TensorFolder:
    folder = TensorFolder(collections)
    for step, value in steps.items():
        folder.save(step, {name: value})
    return folder


def fired(found: Finding | None) -> tuple[int, float | None, float | None] | None:
    return (found.step, found.observed, found.threshold) if found else None


class TestVanishingGradient:
    GRADIENTS: ClassVar = {"gradients": ["^gradient"]}

    def test_any_tensor_below_the_threshold_fires(self) -> None:
        folder = TensorFolder(self.GRADIENTS)
        folder.save(0, {"gradient/a": [1.0], "gradient/b": [-2e-7, 1e-7], "weight": [0.0]})
        folder.save(500, {"gradient/a": [1.0], "gradient/b": [-1e-7, 0.0], "weight": [0.0]})
        found = find(folder, "VanishingGradient")
        assert found is not None
        assert (found.step, found.tensor, found.threshold) == (500, "gradient/b", 1e-7)
        assert found.observed == pytest.approx(5e-8)

    def test_a_mean_at_the_threshold_does_not_fire(self) -> None:
        assert find(folder_of("gradient", {0: [0.5, -0.5]}, self.GRADIENTS), "VanishingGradient", threshold=0.5) is None

    def test_a_saved_reduction_does(self) -> None:
        folder = TensorFolder(self.GRADIENTS)
        folder.save(3, {}, reductions={"gradient/a": {"abs_mean": 1e-9}})
        assert fired(find(folder, "VanishingGradient")) == (3, 1e-9, 1e-7)


class TestAllZero:
    def test_the_share_of_zeros_must_reach_the_threshold(self) -> None:
        folder = folder_of("w", {0: [0, 0, 0, 1.0], 1: np.zeros((2, 2))})
        assert fired(find(folder, "AllZero", tensor_regex="w")) == (1, 100, 100)
        assert fired(find(folder, "AllZero", tensor_regex="w", threshold=75)) == (0, 75, 75)
        assert find(folder, "AllZero", tensor_regex="b") is None

    def test_reductions_tell_it_too(self) -> None:
        folder = TensorFolder()
        folder.save(0, {}, reductions={"w": {"abs_max": 0.1}})
        folder.save(1, {}, reductions={"w": {"min": 0.0, "max": 0.0}})
        assert fired(find(folder, "AllZero", tensor_regex="w")) == (1, 100, 100)

    def test_it_must_be_told_what_to_inspect(self) -> None:
        with pytest.raises(RuleConfigurationError, match="one of collection_names and tensor_regex is required"):
            Evaluation.create([RuleConfiguration("a", "AllZero", {})])


class TestTensorVariance:
    def test_both_limits(self) -> None:
        folder = folder_of("w", {0: [0.0, 2.0], 1: [0.0, 4.0], 2: [1.0, 1.1]})  # variances 1, 4, 0.0025
        assert fired(find(folder, "TensorVariance", tensor_regex="w", max_threshold="3.9")) == (1, 4, 3.9)
        assert find(folder, "TensorVariance", tensor_regex="w", max_threshold=4) is None
        low = find(folder, "TensorVariance", tensor_regex="w", min_threshold=0.003)
        assert low is not None
        assert low.step == 2
        with pytest.raises(RuleConfigurationError, match="max_threshold and min_threshold"):
            Evaluation.create([RuleConfiguration("a", "TensorVariance", {"tensor_regex": "w"})])


class TestUnchangedTensor:
    def test_the_last_saved_steps_count_whatever_lies_between(self) -> None:
        folder = TensorFolder()
        for step, value in ((0, 1.0), (3, 2.0), (5, 2.0), (50, 2.0 + 1e-9)):
            folder.save(step, {"w": [value, 1.0]})
            folder.save(step + 1, {"other": [step]})
        found = find(folder, "UnchangedTensor", tensor_regex="w")
        assert found is not None
        assert (found.step, found.sentence) == (50, "w did not change from step 3 to 50 (3 saved steps)")
        assert find(folder, "UnchangedTensor", tensor_regex="w", num_steps=4) is None
        assert find(folder, "UnchangedTensor", tensor_regex="w", rtol=0, atol=0) is None

    def test_nan_equals_nan_only_when_asked(self) -> None:
        folder = folder_of("w", {0: [np.nan], 1: [np.nan], 2: [np.nan]})
        assert find(folder, "UnchangedTensor", tensor_regex="w") is None
        assert find(folder, "UnchangedTensor", tensor_regex="w", equal_nan="True") is not None


class TestWeightUpdateRatio:
    WEIGHTS: ClassVar = {"weights": ["^w"]}

    def test_too_much_and_too_little(self) -> None:
        folder = folder_of("w", {0: [1.0], 1: [1.5], 2: [-0.05]}, self.WEIGHTS)
        found = find(folder, "WeightUpdateRatio")
        assert found is not None
        assert found.step == 2
        assert found.observed == pytest.approx(1.55 / 0.05)
        assert fired(find(folder_of("w", {0: [1.0], 7: [1.0]}, self.WEIGHTS), "WeightUpdateRatio")) == (7, 0, 1e-8)

    def test_num_steps_looks_further_back(self) -> None:
        steps = {0: [1.0], 1: [1.2], 2: [1.4], 3: [1.6], 4: [1.8], 9: [5.0]}
        found = find(folder_of("w", steps, self.WEIGHTS), "WeightUpdateRatio", num_steps=3, large_threshold=0.37)
        assert found is not None
        assert found.step == 3
        assert found.observed == pytest.approx(0.6 / 1.6)  # against step 0; the step before would give 0.2 / 1.6
        # nothing was saved in the three steps before 9
        assert find(folder_of("w", {0: [1.0], 9: [99.0]}, self.WEIGHTS), "WeightUpdateRatio", num_steps=3) is None

    def test_weights_do_not_change_while_evaluating(self) -> None:
        folder = TensorFolder(self.WEIGHTS)
        for step in range(3):
            folder.save(step, {"w": [1.0]}, mode=Mode.EVAL, mode_step=step)
        assert find(folder, "WeightUpdateRatio") is None


class TestInactiveLayers:
    def test_units_that_slowly_die(self) -> None:
        """Two of three units stop: dead once they were active in under 50 % of all samples so far."""
        folder = TensorFolder()
        for step in range(4):
            batch = np.ones((2, 3)) if step < 2 else np.array([[1, 0, 0], [1, 0, -1.0]])
            folder.save(step, {"net_relu_output": batch})
        at_most = find(folder, "DeadRelu", threshold_inactivity=50)
        assert at_most is None  # 4 of 8 samples: exactly 50 %
        folder.save(4, {"net_relu_output": np.array([[1.0, 0, 0]])})
        found = find(folder, "DeadRelu", threshold_inactivity=50)
        assert found is not None
        assert (found.step, found.tensor, found.threshold) == (4, "net_relu_output", 50)
        assert found.observed == pytest.approx(200 / 3)

    def test_half_of_a_layer_may_be_dead(self) -> None:
        folder = folder_of("relu_output", {0: np.tile([[0.0, 1.0]], (10, 1))})
        assert find(folder, "DeadRelu") is None
        assert fired(find(folder, "DeadRelu", threshold_layer=49)) == (0, 50, 49)

    @pytest.mark.parametrize(
        ("name", "value", "saturated"),
        [
            ("1_tanh_input", 9.5, True), ("1_tanh_input", -9.5, True), ("1_tanh_input", 9.49, False),
            ("2_sigmoid_input", -23.1, True), ("2_sigmoid_input", 17.0, True), ("2_sigmoid_input", -22.0, False),
            ("3_relu_input", 99.0, False),
        ],
    )  # fmt: skip
    def test_saturation_is_told_by_the_name(self, name: str, value: float, saturated: bool) -> None:
        folder = folder_of(name, {0: np.full((4, 5), value)})
        assert (find(folder, "SaturatedActivation") is not None) is saturated


class TestPoorWeightInitialization:
    COLLECTIONS: ClassVar = {"gradients": ["^gradient"], "losses": ["^loss"]}

    def good(self, loss: float, **more: Any) -> dict[str, Any]:
        spread = np.linspace(-1, 1, 50)
        return {"a_relu_input": spread, "b_relu_input": 2 * spread, "gradient/a": spread, "loss": loss} | more

    def test_a_good_start(self) -> None:
        folder = TensorFolder(self.COLLECTIONS)
        for step in range(20):
            folder.save(step, self.good(1 / (step + 1)))
        assert find(folder, "PoorWeightInitialization") is None

    def test_variances_that_differ_from_layer_to_layer(self) -> None:
        folder = TensorFolder(self.COLLECTIONS)
        folder.save(0, self.good(1.0, b_relu_input=3.3 * np.linspace(-1, 1, 50)))
        found = find(folder, "PoorWeightInitialization")
        assert found is not None
        assert (found.step, found.tensor, found.threshold) == (0, "a_relu_input", 10)
        assert found.observed == pytest.approx(3.3**2)

    def test_zero_initialization(self) -> None:
        folder = TensorFolder(self.COLLECTIONS)
        folder.save(0, self.good(1.0, a_relu_input=np.zeros(50)))
        assert fired(find(folder, "PoorWeightInitialization")) == (0, np.inf, 10)

    def test_gradients_all_alike(self) -> None:
        folder = TensorFolder(self.COLLECTIONS)
        folder.save(0, self.good(1.0))
        folder.save(1, self.good(0.9, **{"gradient/b": np.linspace(0, 0.001, 50)}))
        found = find(folder, "PoorWeightInitialization")
        assert found is not None
        assert (found.step, found.tensor) == (1, "gradient/b")
        assert found.observed == pytest.approx(0.0009)

    def test_a_loss_that_does_not_fall_among_the_first_steps_only(self) -> None:
        folder = TensorFolder(self.COLLECTIONS)
        for step in range(10):
            folder.save(step * 500, self.good(1.0 if step else 0.9))
        assert fired(find(folder, "PoorWeightInitialization")) == (2500, 5, 5)
        late = TensorFolder(self.COLLECTIONS)
        for step in range(30):
            late.save(step, self.good(1 / (step + 1) if step < 6 else 1.0))
        assert find(late, "PoorWeightInitialization") is None
        assert find(late, "PoorWeightInitialization", steps=11) is not None


class TestClassImbalance:
    def labelled(self, *batches: tuple[list[int], list[int]]) -> TensorFolder:
        folder = TensorFolder()
        for step, (labels, predictions) in enumerate(batches):
            folder.save(step, {"labels": np.array(labels), "predictions": np.array(predictions)})
        return folder

    def test_the_largest_class_against_the_smallest(self) -> None:
        zeros, ones = [0] * 22, [1] * 2
        folder = self.labelled((zeros, zeros), (ones, ones), ([1], [1]))
        assert fired(find(folder, "ClassImbalance", samples=24)) == (1, 11, 10)
        assert find(folder, "ClassImbalance", samples=25) is None  # 22 to 3
        assert find(folder, "ClassImbalance") is None  # 500 labels are never seen

    def test_a_class_that_is_mistaken(self) -> None:
        folder = self.labelled(([0, 0, 1, 1], [0, 0, 0, 0]), ([1, 1, 0, 0], [1, 0, 0, 0]))
        found = find(folder, "ClassImbalance", samples=8)
        assert found is not None
        assert (found.step, found.observed, found.threshold) == (1, 0.75, 0.7)
        assert found.sentence == "75 % of class 1 are predicted as others (limit 70 %)"
        assert find(folder, "ClassImbalance", samples=8, threshold_misprediction=0.75) is None

    def test_scores_need_argmax(self) -> None:
        folder = TensorFolder()
        folder.save(0, {"labels": np.array([0, 1]), "predictions": np.array([[0.9, 0.1], [0.8, 0.2]])})
        found = find(folder, "ClassImbalance", samples=2, argmax="True", threshold_misprediction=0.9)
        assert found is not None
        assert found.observed == 1
        evaluation = Evaluation.create([RuleConfiguration("a", "ClassImbalance", {"samples": 2})])
        (change,) = evaluation.advance(TensorReader(folder.source()), now=NOW, ended=True)
        assert (change.status, "set argmax to True" in change.details) == ("Error", True)

    def test_probabilities_of_the_second_class_are_rounded(self) -> None:
        folder = TensorFolder()
        folder.save(0, {"labels": np.array([0.0, 1.0]), "predictions": np.array([0.2, 0.7], dtype="f4")})
        assert find(folder, "ClassImbalance", samples=2) is None


class TestConfusion:
    def matrix(self, labels: Any, predictions: Any) -> TensorFolder:
        folder = TensorFolder()
        folder.save(0, {"labels": np.array(labels), "predictions": np.array(predictions)})
        return folder

    def test_a_perfect_prediction_of_ten_classes_is_not_confused(self) -> None:
        assert find(self.matrix(list(range(10)) * 3, list(range(10)) * 3), "Confusion") is None

    def test_the_diagonal(self) -> None:
        """9 of 10 predicted as class 0 are right (just enough), 8 of 10 predicted as class 1 are not enough."""
        labels = [0] * 9 + [2] + [1] * 8 + [0, 2]
        found = find(self.matrix(labels, [0] * 10 + [1] * 10), "Confusion")
        assert found is not None
        assert (found.observed, found.threshold) == (0.8, 0.9)
        assert found.sentence == "80 % of the samples predicted as 1 are right (at least 90 %)"

    def test_off_the_diagonal(self) -> None:
        labels = [0] * 16 + [1] * 3 + [2]
        found = find(self.matrix(labels, [0] * 20), "Confusion", min_diag=0.5)
        assert found is not None
        assert (found.observed, found.threshold) == (0.15, 0.1)
        by_label = find(self.matrix(labels, [0] * 20), "Confusion", min_diag=0, normalization="labels")
        assert by_label is not None
        assert by_label.sentence == "100 % of the samples labelled 1 are predicted as 0 (at most 10 %)"

    def test_other_names_and_collections(self) -> None:
        folder = TensorFolder({"truth": ["^y$"], "guess": ["^out$"]})
        folder.save(0, {"y": [0, 1], "out": [1, 0]})
        assert find(folder, "Confusion") is None
        assert find(folder, "Confusion", labels_collection="truth", predictions_collection="guess") is not None
        assert find(folder, "Confusion", labels="y", predictions="out") is not None


class TestOverfit:
    def test_phases_of_training_and_evaluation(self) -> None:
        """Epochs of 4 training and 2 evaluation steps; the third and fourth evaluations lie 20 % above."""
        folder = TensorFolder({"losses": ["loss"]})
        step = 0
        for epoch in range(5):
            for batch in range(4):
                folder.save(
                    step, {"loss": [1.0 + 0.1 * (batch % 2) - 0.05]}, mode=Mode.TRAIN, mode_step=4 * epoch + batch
                )
                step += 1
            for batch in range(2):
                value = 1.2 if epoch in (2, 3) else 1.05
                folder.save(step, {"loss": [value]}, mode=Mode.EVAL, mode_step=2 * epoch + batch)
                step += 1
        once, twice = find(folder, "Overfit"), find(folder, "Overfit", patience=2)
        assert once is not None
        assert twice is not None
        assert (once.step, twice.step) == (18, 24)  # known at the first training step after the evaluation
        assert once.observed == pytest.approx(0.2)
        assert twice.sentence == (
            "loss: validation loss (1.2) lies 20 % above training loss (1) for 2 checks (limit 10 %)"
        )
        assert find(folder, "Overfit", patience=3) is None
        assert find(folder, "Overfit", start_step=24) is None

    def test_the_last_evaluation_is_judged_when_the_job_ends(self) -> None:
        folder = TensorFolder({"losses": ["loss"]})
        folder.save(0, {"loss": [1.0]}, mode=Mode.TRAIN, mode_step=0)
        folder.save(1, {"loss": [2.0]}, mode=Mode.EVAL, mode_step=0)
        assert fired(find(folder, "Overfit")) == (1, 1.0, 0.1)

    def test_names_tell_where_steps_have_no_mode(self) -> None:
        folder = TensorFolder({"metrics": ["."]})
        for step, validation in enumerate([0.10, 0.105, 0.12, 0.12]):
            folder.save(
                step, {"train-error": 0.1, "validation-error": validation, "train-auc": 0.5, "validation-auc": 0.9}
            )
        assert fired(find(folder, "Overfit"))[:1] == (2,)  # type: ignore[index]
        for training, other in (
            ("train_loss", "val_loss"), ("train:loss", "validation:loss"), ("loss/train", "loss/valid"),
            ("Training loss", "Test loss"), ("loss_train", "loss_dev"), ("net/loss", "net/val_loss"),
            ("loss", "eval_loss"),
        ):  # fmt: skip
            scripts = TensorFolder({"losses": ["loss"]})
            scripts.save(0, {training: 1.0})  # a line of the log for each
            scripts.save(1, {other: 2.0})
            assert fired(find(scripts, "Overfit")) == (1, 1.0, 0.1), other
        moded = TensorFolder({"losses": ["loss"]})
        moded.save(0, {"train_loss": [1.0]}, mode=Mode.TRAIN, mode_step=0)
        moded.save(1, {"val_loss": [2.0]}, mode=Mode.EVAL, mode_step=0)
        assert fired(find(moded, "Overfit")) == (1, 1.0, 0.1)
        keras = TensorFolder({"losses": ["loss$"]})
        keras.save(0, {"loss": 1.0, "val_loss": 1.05})
        keras.save(1, {"loss": 0.5, "val_loss": 1.05})
        assert fired(find(keras, "Overfit")) == (1, pytest.approx(1.1), 0.1)


class TestOvertraining:
    def test_best_by_more_than_delta(self) -> None:
        folder = TensorFolder({"losses": ["loss"]})
        losses = [1.0, 0.9, 0.895, 0.894, 0.893, 0.892, 0.8901]  # 0.9 stays the best: none is more than 0.01 below
        for step, loss in enumerate(losses):
            folder.save(10 * step, {"loss": [loss]}, mode=Mode.TRAIN, mode_step=step)
        assert fired(find(folder, "Overtraining")) == (60, 5, 5)
        assert find(folder, "Overtraining", delta=0.009) is None

    def test_validation_has_a_patience_of_its_own(self) -> None:
        folder = TensorFolder({"losses": ["loss"]})
        for step in range(12):
            folder.save(step, {"loss": [1.0]}, mode=Mode.EVAL, mode_step=step)
        assert fired(find(folder, "Overtraining")) == (10, 10, 10)


class TestSimilarAcrossRuns:
    def judge(self, mine: TensorFolder, other: TensorFolder, **parameters: Any) -> Finding | None:
        reader = TensorReader(mine.source(), {"s3://other": other.source()}.__getitem__)
        evaluation = Evaluation.create(
            [RuleConfiguration("a", "SimilarAcrossRuns", {"other_trials": "s3://other", **parameters})]
        )
        evaluation.advance(reader, now=NOW, ended=True)
        status = evaluation.statuses["a"]
        assert status.status != "Error", status.details
        return status.finding

    def test_it_fires_where_tensors_differ(self) -> None:
        mine, other = TensorFolder(), TensorFolder()
        for step in range(4):
            mine.save(step, {"w": [1.0, step], "new": [3.0]})
            if step != 1:
                other.save(step, {"w": [1.0, step + (step == 3)]})
        assert fired(self.judge(mine, other)) == (3, 1.0, 1e-8)
        assert self.judge(mine, other, tensor_regex="new") is None
        assert fired(self.judge(mine, other, fires_when="similar"))[:1] == (0,)  # type: ignore[index]

    def test_other_trials_are_required(self) -> None:
        with pytest.raises(RuleConfigurationError, match="other_trials is required"):
            Evaluation.create([RuleConfiguration("a", "SimilarAcrossRuns", {})])


class TestStalledTrainingRule:
    def test_the_clock_counts_from_the_last_new_step(self) -> None:
        folder = folder_of("loss", {0: [1.0], 1: [1.0]})
        configurations = [RuleConfiguration("stalled", "StalledTrainingRule", {"threshold": "60"})]
        saved = None
        told = []
        for seconds, until in ((0, -1), (50, -1), (55, 0), (110, 0), (111, 1), (171, 1), (172, 1), (500, 1)):
            evaluation = Evaluation.restore(configurations, saved) if saved else Evaluation.create(configurations)
            reader = TensorReader(folder.source(until))
            changes = evaluation.advance(reader, now=NOW + timedelta(seconds=seconds), ended=False)
            told.extend((seconds, change.finding) for change in changes)
            saved = evaluation.save()
        ((seconds, found),) = told
        assert found is not None
        assert (seconds, found.step, found.observed) == (172, 1, 61)
        assert found.sentence == "no tensor came for 61 s after step 1 (limit 60 s)"

    def test_a_job_that_never_wrote_anything(self) -> None:
        evaluation = Evaluation.create([RuleConfiguration("stalled", "StalledTrainingRule", {})])
        reader = TensorReader(TensorFolder().source())
        assert evaluation.advance(reader, now=NOW, ended=False) == []
        (change,) = evaluation.advance(reader, now=NOW + timedelta(seconds=1801), ended=False)
        assert change.status == "IssuesFound"


class TestCheckInputImages:
    def test_the_mean_of_a_channel_over_all_images(self) -> None:
        folder = TensorFolder()
        for step, level in enumerate([0.9, -0.3]):
            images = np.zeros((300, 3, 2, 2))
            images[:, 2] = level
            folder.save(step, {"hybridsequential0_input_0": images})
        found = find(folder, "CheckInputImages")
        assert found is not None
        assert (found.step, found.threshold) == (1, 0.2)
        assert found.observed == pytest.approx(0.3)
        assert find(folder, "CheckInputImages", threshold_mean=0.31) is None
        assert find(folder, "CheckInputImages", threshold_samples=601) is None
        last = folder_of("in", {0: np.full((2, 5, 5, 3), 1.0)})
        assert find(last, "CheckInputImages", regex="in", channel=3, threshold_samples=2) is not None


class TestNLPSequenceRatio:
    def test_each_token_has_its_limit(self) -> None:
        folder = folder_of("embedding0_input_0", {0: [[0, 0, 1, 3]], 1: [[0, 3, 3, 3]]})
        assert find(folder, "NLPSequenceRatio") is None  # exactly 50 %
        assert fired(find(folder, "NLPSequenceRatio", token_thresholds_percent="49")) == (0, 50, 49)
        both = find(folder, "NLPSequenceRatio", token_values="3, 0", token_thresholds_percent="50,50")
        assert fired(both) == (1, 75, 50)
        with pytest.raises(RuleConfigurationError, match="2 token_values"):
            Evaluation.create([RuleConfiguration("a", "NLPSequenceRatio", {"token_values": "3,0"})])


class TestTrees:
    @pytest.mark.parametrize(("largest", "depth"), [(0, 0), (2, 1), (6, 2), (14, 3), (30, 4), (32, 5), (62, 5)])
    def test_depth_is_the_logarithm_of_the_largest_node(self, largest: int, depth: int) -> None:
        folder = folder_of("trees/Node", {4: np.arange(largest + 1)})
        found = find(folder, "TreeDepth", depth=max(depth - 1, 0))
        assert (found.observed if found else 0) == depth
        assert find(folder, "TreeDepth", depth=depth) is None

    def test_importance_of_the_first_features(self) -> None:
        folder = TensorFolder()
        names = [f"feature_importance/weight/{name}" for name in "abcde"]
        folder.save(0, dict(zip(names, ([0.3], [0.3], [0.2], [0.1], [0.1]), strict=True)))
        folder.save(5, dict(zip(names, ([0.1], [0.1], [0.2], [0.3], [0.31]), strict=True)))
        found = find(folder, "FeatureImportanceOverweight")
        assert found is not None
        assert found.step == 5
        assert found.observed == pytest.approx(0.81 / 1.01)
        assert "e, d, c" in found.sentence
        few = folder_of("feature_importance/weight/a", {0: [1.0]})
        assert fired(find(few, "FeatureImportanceOverweight")) == (0, 1.0, 0.8)


class TestRulesOfTheField:
    METRICS: ClassVar = {"metrics": ["-"]}

    def series(self, values: list[float], name: str = "train-loss") -> TensorFolder:
        return folder_of(name, dict(enumerate(values)), self.METRICS)

    def test_plateau(self) -> None:
        assert fired(find(self.series([3, 2, 2, 2.5, 1.9, 1.9, 2]), "MetricPlateau", patience=2)) == (3, 2, 2)
        assert find(self.series([3, 2, 1.9]), "MetricPlateau", patience=2) is None
        assert fired(find(self.series([3, 2, 1.9, 1.8]), "MetricPlateau", patience=2, min_delta=0.3)) == (3, 2, 2)
        assert find(self.series([0.1, 0.2, 0.3], "train-auc"), "MetricPlateau", patience=1) is None
        assert find(self.series([0.1, 0.2, 0.3], "train-auc"), "MetricPlateau", patience=1, direction="min") is not None
        folder = TensorFolder(self.METRICS)
        for step, (one, other) in enumerate([(1, 5), (1, 4), (1, 3), (1, 3)]):
            folder.save(step, {"train-a": one, "train-b": other})
        assert fired(find(folder, "MetricPlateau", patience=1)) == (3, 3, 1)
        assert fired(find(folder, "MetricPlateau", patience=1, of="any")) == (1, 1, 1)

    def test_threshold(self) -> None:
        folder = self.series([1, 5, 1, 5, 6])
        assert fired(find(folder, "MetricThreshold", above=4)) == (1, 5, 4)
        assert fired(find(folder, "MetricThreshold", above=4, patience=2)) == (4, 6, 4)
        assert fired(find(folder, "MetricThreshold", below=2, start_step=1)) == (2, 1, 2)
        assert find(folder, "MetricThreshold", above=4, tensor_regex="other") is None
        with pytest.raises(RuleConfigurationError, match="above and below"):
            Evaluation.create([RuleConfiguration("a", "MetricThreshold", {})])

    def test_divergence(self) -> None:
        assert fired(find(self.series([2.3, 2.2, 9.0, 50.0]), "Divergence")) == (2, 9.0, pytest.approx(8.8))
        assert fired(find(self.series([1, np.nan]), "Divergence"))[:1] == (1,)  # type: ignore[index]
        assert find(self.series([2.3, 0.001, 0.1, 2.0]), "Divergence") is None  # no worse than it was at first
        assert find(self.series([-1.0, -5.0, -4.0]), "Divergence") is None
        assert find(self.series([0.1, 9, 99], "train-auc"), "Divergence") is None
        assert find(self.series([1, 5, 1, 1]), "Divergence", patience=2) is None
        assert find(self.series([1, 5, 1, 1]), "Divergence", smoothing=0.9) is None

    def test_oscillation(self) -> None:
        swinging = [1.0, 2.0] * 6
        assert fired(find(self.series(swinging), "Oscillation")) == (9, 1.0, 0.9)
        assert find(self.series(list(range(12))), "Oscillation") is None
        assert find(self.series([1.0, 1.05] * 6), "Oscillation") is None
        assert find(self.series([*range(9), 5.0, 9.0]), "Oscillation") is None

    def test_gradients_of_the_first_layer_against_the_last(self) -> None:
        folder = TensorFolder({"gradients": ["^gradient"]})
        for step, first in enumerate([1.0, 1e-4]):
            layers = {"gradient/fc10_weight": [0.5], "gradient/fc2_weight": [first], "gradient/fc1_bias": [0.0]}
            folder.save(step, layers)
        found = find(folder, "VanishingGradientRatio")
        assert found is not None
        assert (found.step, found.tensor, found.observed) == (1, "gradient/fc2_weight", pytest.approx(2e-4))
        assert find(folder, "VanishingGradientRatio", order="saved") is None
        assert find(folder, "VanishingGradientRatio", first_layer="fc10", last_layer="fc2") is None


def test_reading_a_former_step_after_a_restart_reads_no_more_than_a_few_objects() -> None:
    """Look-back in a new process costs one listing of a few keys and their index objects, however long the job."""
    folder = folder_of("w", {step: [float(step)] for step in range(400)})
    configurations = [RuleConfiguration("a", "UnchangedTensor", {"tensor_regex": "w"})]
    evaluation = Evaluation.create(configurations)
    evaluation.advance(TensorReader(folder.source(398)), now=NOW, ended=False)
    source = folder.source()
    restored = Evaluation.restore(configurations, evaluation.save())
    restored.advance(TensorReader(source), now=NOW, ended=False)
    assert restored.last_step == 399
    assert len(source.requests) < 12, source.requests

"""Each of Debugger's rules on tensors written by smdebug, through `gridwatch rules check` as a stranger calls it: at
which step it fires, and that it does not just below its threshold.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gridwatch.cli.main import app
from tests.interop.conftest import Peers

CASES: list[tuple[str, str, str, int | None]] = [
    ("vanishing", "VanishingGradient", "", 100),
    ("vanishing", "VanishingGradient", "threshold=1e-8", None),
    ("vanishing_reduced", "VanishingGradient", "threshold=0.0000001", 7),
    ("vanishing_reduced", "VanishingGradient", "threshold=2e-8", None),
    ("exploding", "ExplodingTensor", "", 7),
    ("exploding", "ExplodingTensor", "only_nan=True", 9),
    ("exploding_half", "ExplodingTensor", "tensor_regex=half", 4),
    ("exploding_reduced", "ExplodingTensor", "", 2),
    ("start_good", "PoorWeightInitialization", "", None),
    ("start_variance", "PoorWeightInitialization", "", 30),
    ("start_variance", "PoorWeightInitialization", "threshold=10.3", None),
    ("start_variance", "PoorWeightInitialization", "steps=3", None),
    ("start_gradient", "PoorWeightInitialization", "", 40),
    ("start_gradient_wide", "PoorWeightInitialization", "", None),
    ("start_loss", "PoorWeightInitialization", "", 50),
    ("start_loss", "PoorWeightInitialization", "patience=10", None),
    ("saturated", "SaturatedActivation", "", None),
    ("saturated", "SaturatedActivation", "threshold_inactivity=60", 5),
    ("saturated", "SaturatedActivation", "threshold_layer=49", 0),
    ("saturated_slowly", "SaturatedActivation", "", 100),
    ("saturated_sigmoid", "SaturatedActivation", "", 6),
    ("saturated_sigmoid", "SaturatedActivation", "threshold_sigmoid_max=16.8", 0),
    ("dead", "DeadRelu", "", 3),
    ("dead", "DeadRelu", "threshold_layer=60", None),
    ("dead", "DeadRelu", "tensor_regex=.*conv_relu_output", None),
    ("update", "WeightUpdateRatio", "", 1),
    ("update", "WeightUpdateRatio", "large_threshold=11.5", 3),
    ("update", "WeightUpdateRatio", "large_threshold=13", None),
    ("update", "WeightUpdateRatio", "large_threshold=2 num_steps=2", 1),
    ("update_small", "WeightUpdateRatio", "", 2),
    ("zeros", "AllZero", "collection_names=mine", 20),
    ("zeros", "AllZero", "tensor_regex=w threshold=99", 0),
    ("zeros_integer", "AllZero", "tensor_regex=w", 1),
    ("imbalance", "ClassImbalance", "", 4),
    ("imbalance_limit", "ClassImbalance", "", None),
    ("imbalance_mistaken", "ClassImbalance", "", 4),
    ("imbalance_mistaken", "ClassImbalance", "threshold_misprediction=0.72", None),
    ("imbalance_scores", "ClassImbalance", "argmax=True samples=30", 2),
    ("confusion_none", "Confusion", "", None),
    ("confusion", "Confusion", "", 8),
    ("confusion", "Confusion", "min_diag=0.8 max_off_diag=0.2", None),
    ("confusion", "Confusion", "category_no=2", 8),
    ("loss", "LossNotDecreasing", "", 36),
    ("loss_plain", "LossNotDecreasing", "", 20),
    ("loss_plain", "LossNotDecreasing", "diff_percent=0.05", None),
    ("loss_up", "LossNotDecreasing", "", 30),
    ("loss_up", "LossNotDecreasing", "increase_threshold_percent=6.25", None),
    ("loss_up", "LossNotDecreasing", "increase_reading=strict", 10),
    ("loss_modes", "LossNotDecreasing", "", 21),
    ("loss_modes", "LossNotDecreasing", "mode=TRAIN", None),
    ("overfit", "Overfit", "", 10),
    ("overfit", "Overfit", "ratio_threshold=0.13", None),
    ("overfit", "Overfit", "patience=2", None),
    ("overfit_boosting", "Overfit", "", 3),
    ("overfit_boosting", "Overfit", "patience=2", 4),
    ("overtraining", "Overtraining", "", 700),
    ("overtraining", "Overtraining", "patience_train=6", None),
    ("overtraining_not", "Overtraining", "", None),
    ("similar", "SimilarAcrossRuns", "other_trials={root}/similar_other", 2),
    ("similar", "SimilarAcrossRuns", "other_trials={root}/similar", None),
    ("variance", "TensorVariance", "tensor_regex=w max_threshold=1.0", 4),
    ("variance", "TensorVariance", "collection_names=mine min_threshold=0.01", 5),
    ("variance", "TensorVariance", "collection_names=mine min_threshold=0.001 max_threshold=2", None),
    ("unchanged", "UnchangedTensor", "tensor_regex=w", 20),
    ("unchanged", "UnchangedTensor", "tensor_regex=w num_steps=2", 9),
    ("unchanged", "UnchangedTensor", "tensor_regex=^w$ num_steps=4", None),
    ("images", "CheckInputImages", "", 500),
    ("images_centred", "CheckInputImages", "", None),
    ("images", "CheckInputImages", "threshold_samples=100", 0),
    ("tokens", "NLPSequenceRatio", "", 10),
    ("tokens", "NLPSequenceRatio", "token_values=0,1 token_thresholds_percent=70,19", 10),
    ("tokens", "NLPSequenceRatio", "token_thresholds_percent=60", None),
    ("trees", "TreeDepth", "", 20),
    ("trees", "TreeDepth", "depth=5", None),
    ("importance", "FeatureImportanceOverweight", "", 10),
    ("importance", "FeatureImportanceOverweight", "threshold=0.82", None),
    ("importance", "FeatureImportanceOverweight", "nfeatures=4", 0),
    ("importance_vector", "FeatureImportanceOverweight", "", 10),
    ("metrics", "CreateXgboostReport", "", None),
    ("stalled", "StalledTrainingRule", "", None),
]


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory, local_peers: Peers) -> Path:
    root = tmp_path_factory.mktemp("known")
    local_peers.ask("write_known_answers", root)
    return root


@pytest.mark.parametrize(("job", "rule", "parameters", "step"), CASES)
def test_the_verdict_is_the_known_one(jobs: Path, job: str, rule: str, parameters: str, step: int | None) -> None:
    words = ["rules", "check", str(jobs / job), "--rule", rule, "--json"]
    for parameter in parameters.replace("{root}", str(jobs)).split():
        words += ["-p", parameter]
    done = CliRunner().invoke(app, words)
    document = json.loads(done.output)
    assert (document["status"], document["step"]) == ("NoIssuesFound" if step is None else "IssuesFound", step), (
        document
    )
    assert (document["rule"], done.exit_code) == (rule, 0 if step is None else 3)


def test_a_rule_that_looks_at_nothing_there_is_says_so(jobs: Path) -> None:
    words = ["rules", "check", str(jobs / "exploding"), "--rule", "ExplodingTensor", "-p", "tensor_regex=y", "--json"]
    done = CliRunner().invoke(app, words)
    assert (json.loads(done.output)["status"], done.exit_code) == ("SawNothing", 4)

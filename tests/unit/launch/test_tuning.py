"""CreateHyperParameterTuningJob requests: what SageMaker takes, how jobs are told where to write, what a name holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gridwatch.launch.plan import Plan
from gridwatch.launch.preview import preview
from gridwatch.launch.tuning import MAX_NAME, tuning_name
from gridwatch.savings.prices import PriceTable
from gridwatch.spec.problems import SpecError
from tests.unit.launch.service_model import faults
from tests.unit.launch.test_requests import planned
from tests.unit.spec.specs import EXAMPLES, blobs

FOUR_RANGES = (EXAMPLES / "tuning.yaml").read_text()


def tuned(**tune: Any) -> dict[str, Any]:
    document = blobs()
    del document["grid"]
    document["limits"] = {"parallel_jobs": 2}
    document["hyperparameters"]["num_round"] = 10
    parameters = {"eta": {"continuous": [0.01, 0.5], "scaling": "log"}, "max_depth": {"integer": [2, 8]}}
    document["tune"] = {"parameters": parameters, "jobs": 10, **tune}
    return document


def request(document: Any) -> dict[str, Any]:
    plan = planned(document)
    assert plan.tuning is not None
    assert faults("CreateHyperParameterTuningJob", plan.tuning) == []
    return dict(plan.tuning)


def test_of_a_few_jobs_no_more_run_together() -> None:
    document = tuned(jobs=2)
    document["limits"] = {"parallel_jobs": 10}
    limits = request(document)["HyperParameterTuningJobConfig"]["ResourceLimits"]
    assert limits == {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2}


def test_the_tutorials_four_ranges_become_one_tuning_job() -> None:
    made = request(FOUR_RANGES)
    config, definition = made["HyperParameterTuningJobConfig"], made["TrainingJobDefinition"]
    assert config["HyperParameterTuningJobObjective"] == {"Type": "Maximize", "MetricName": "validation-auc"}
    assert config["ResourceLimits"] == {"MaxNumberOfTrainingJobs": 20, "MaxParallelTrainingJobs": 3}
    assert config["TrainingJobEarlyStoppingType"] == "Auto"
    ranges = config["ParameterRanges"]
    assert [each["Name"] for each in ranges["ContinuousParameterRanges"]] == ["eta", "min_child_weight", "alpha"]
    assert ranges["IntegerParameterRanges"] == [
        {"Name": "max_depth", "MinValue": "1", "MaxValue": "10", "ScalingType": "Auto"}
    ]
    static = definition["StaticHyperParameters"]
    assert static["num_round"] == "100"
    assert json.loads(static["sagemaker_program"]) == "train.py"
    assert not {"eta", "max_depth"} & static.keys()
    assert "validation-auc" in {each["Name"] for each in definition["AlgorithmSpecification"]["MetricDefinitions"]}


def test_each_job_is_told_where_to_write_by_its_own_name() -> None:
    environment = request(FOUR_RANGES)["TrainingJobDefinition"]["Environment"]
    place = "s3://artifacts-bucket/tensors/{TRAINING_JOB_NAME}/debug-output"
    assert environment["GRIDWATCH_TENSORS_URI"] == place
    assert "GRIDWATCH_HOOK_CONFIG" in environment


def test_what_a_tuning_job_has_no_place_for_is_left_out() -> None:
    definition = request(FOUR_RANGES)["TrainingJobDefinition"]
    assert not {"ExperimentConfig", "ProfilerConfig", "DebugHookConfig", "DefinitionName"} & definition.keys()
    assert "EnableSageMakerMetricsTimeSeries" not in definition["AlgorithmSpecification"]


def test_every_word_of_the_strategy_arrives() -> None:
    made = request(
        tuned(
            strategy="hyperband",
            hyperband={"min": 2, "max": 20},
            seed=7,
            max_runtime="1h",
            warm_start={"from": ["former"], "type": "transfer"},
            completion={"target": 0.1, "not_improving": 3, "converged": True},
        )
    )
    config = made["HyperParameterTuningJobConfig"]
    assert config["Strategy"] == "Hyperband"
    assert config["StrategyConfig"]["HyperbandStrategyConfig"] == {"MinResource": 2, "MaxResource": 20}
    assert config["RandomSeed"] == 7
    assert config["ResourceLimits"]["MaxRuntimeInSeconds"] == 3600
    assert config["TuningJobCompletionCriteria"] == {
        "TargetObjectiveMetricValue": 0.1,
        "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3},
        "ConvergenceDetected": {"CompleteOnConvergence": "Enabled"},
    }
    assert made["WarmStartConfig"] == {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "former"}],
        "WarmStartType": "TransferLearning",
    }


def test_several_algorithms_have_objectives_and_ranges_of_their_own() -> None:
    document = tuned()
    del document["collect"]
    document["tune"] = {
        "jobs": 10,
        "algorithms": {
            "trees": {"parameters": {"max_depth": {"integer": [2, 8]}}},
            "linear": {
                "algorithm": {"name": "linear-learner"},
                "metric": "validation:roc_auc_score",
                "hyperparameters": {"predictor_type": "binary_classifier"},
                "parameters": {"l1": {"continuous": [0.001, 1.0], "scaling": "log"}},
                "resources": {"instance_type": "ml.m5.xlarge"},
            },
        },
    }
    made = request(document)
    assert "TrainingJobDefinition" not in made
    assert "ParameterRanges" not in made["HyperParameterTuningJobConfig"]
    trees, linear = made["TrainingJobDefinitions"]
    assert (trees["DefinitionName"], linear["DefinitionName"]) == ("trees", "linear")
    assert trees["TuningObjective"]["MetricName"] == "validation-error"
    assert linear["TuningObjective"]["MetricName"] == "validation:roc_auc_score"
    assert linear["ResourceConfig"]["InstanceType"] == "ml.m5.xlarge"
    assert "sagemaker_program" not in linear["StaticHyperParameters"]


def test_categories_are_json_where_a_script_reads_them_and_texts_elsewhere() -> None:
    made = request(tuned(parameters={"booster": {"categorical": ["gbtree", "dart"]}}))
    (category,) = made["HyperParameterTuningJobConfig"]["ParameterRanges"]["CategoricalParameterRanges"]
    assert category["Values"] == ['"gbtree"', '"dart"']


def test_the_same_spec_makes_the_same_name_and_another_makes_another() -> None:
    name = request(tuned())["HyperParameterTuningJobName"]
    assert len(name) <= MAX_NAME
    assert request(tuned())["HyperParameterTuningJobName"] == name
    assert request(tuned(jobs=12))["HyperParameterTuningJobName"] != name
    assert request({**tuned(), "revision": 1})["HyperParameterTuningJobName"] != name


def test_a_name_never_ends_in_a_hyphen_or_is_too_long() -> None:
    assert tuning_name("gridwatch", "churn-of-customers", {}).startswith("gridwatch-churn-of-cu-")
    assert len(tuning_name("gridwatch", "x" * 64, {})) == MAX_NAME
    with pytest.raises(ValueError, match="leaves no room"):
        tuning_name("p" * 30, "churn", {})


def test_the_tags_say_whose_jobs_the_children_are() -> None:
    made = request(tuned())
    tags = {tag["Key"]: tag["Value"] for tag in made["Tags"]}
    assert tags["gridwatch:tuning"] == made["HyperParameterTuningJobName"]
    assert tags["gridwatch:experiment"] == "blobs"


def test_a_preview_counts_the_jobs_that_sagemaker_may_launch() -> None:
    plan: Plan = planned(tuned())
    bounds = preview(plan, PriceTable.built_in())
    assert plan.count == 10
    assert plan.trials == ()
    assert bounds.instance_hours == 10 * plan.spec.resources.max_runtime / 3600
    assert any("tuning job" in assumption for assumption in bounds.assumptions)


def test_too_many_variables_are_told() -> None:
    document = tuned()
    document["algorithm"]["environment"] = {f"V{number}": "x" for number in range(60)}
    with pytest.raises(SpecError) as caught:
        planned(document)
    assert "environment variables" in caught.value.as_text("spec")


def test_what_an_algorithm_names_must_be_allowed_as_what_the_spec_names() -> None:
    document = tuned()
    del document["collect"]
    image = {"image": "999999999999.dkr.ecr.eu-west-1.amazonaws.com/mine:1", "metrics": {"loss": "loss ([0-9.eE+-]+)"}}
    mine = {"parameters": {"lr": {"continuous": [0.1, 0.5]}}, "algorithm": image, "metric": "loss"}
    role = {"role": "arn:aws:iam::123456789012:role/mine"}
    document["tune"] = {"jobs": 10, "algorithms": {"mine": {**mine, "resources": role}}}
    with pytest.raises(SpecError) as caught:
        planned(document)
    told = caught.value.as_text("spec")
    assert "tune.algorithms.mine.algorithm.image: this deployment does not let specs use it" in told
    assert "tune.algorithms.mine.resources.role: this deployment does not let specs use it" in told


def test_with_autotune_sagemaker_is_left_what_is_not_said() -> None:
    ranges = {"eta": {"auto": 0.1}, "max_depth": {"integer": [2, 8]}, "grow_policy": {"auto": "depthwise"}}
    plan = planned(tuned(autotune=True, parameters=ranges, jobs=None))
    assert plan.tuning is not None
    made = dict(plan.tuning)
    assert faults("CreateHyperParameterTuningJob", made) == []
    assert made["Autotune"] == {"Mode": "Enabled"}
    config = made["HyperParameterTuningJobConfig"]
    assert "TrainingJobEarlyStoppingType" not in config
    assert config["ResourceLimits"] == {"MaxParallelTrainingJobs": 2}
    assert config["ParameterRanges"]["AutoParameters"] == [
        {"Name": "eta", "ValueHint": "0.1"}, {"Name": "grow_policy", "ValueHint": '"depthwise"'}
    ]  # fmt: skip
    assert [each["Name"] for each in config["ParameterRanges"]["IntegerParameterRanges"]] == ["max_depth"]
    assert [point.hyperparameters["eta"] for point in plan.points] == [0.1, 0.1]
    assert any("how many jobs" in warning.message for warning in plan.warnings)


def test_without_autotune_nothing_of_it_is_asked_for() -> None:
    made = request(tuned())
    assert "Autotune" not in made
    assert "AutoParameters" not in made["HyperParameterTuningJobConfig"]["ParameterRanges"]
    stopping = request(tuned(autotune=True, early_stopping=True))["HyperParameterTuningJobConfig"]
    assert stopping["TrainingJobEarlyStoppingType"] == "Auto"

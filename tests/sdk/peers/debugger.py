"""In the SDK's environment: what its Debugger objects send, as JSON.

`python debugger.py REGION SOURCE`: requests by name. `python debugger.py evaluators`: the image of the built-in rules
for each region of a JSON list on stdin. With the folder of Gridwatch's package as a further argument, `configurations`
holds what gridwatch.launch.sdk_objects makes of the same objects.
"""

from __future__ import annotations

import json
import sys
from typing import Any
from unittest.mock import MagicMock

import boto3
from sagemaker import Session, image_uris
from sagemaker.debugger import (
    CollectionConfig,
    DebuggerHookConfig,
    ProfilerConfig,
    ProfilerRule,
    Rule,
    TensorBoardOutputConfig,
    rule_configs,
)
from sagemaker.xgboost import XGBoost
from smdebug_rulesconfig.profiler_rules import rules as profiler_rules

# This release of the SDK is older than the image.
IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:3.2-0"
ROLE = "arn:aws:iam::123456789012:role/training"
TENSORS = "s3://artifacts-bucket/tensors"
PROFILER_RULES = (
    "BatchSize", "CPUBottleneck", "Dataloader", "GPUMemoryIncrease", "IOBottleneck", "LoadBalancing",
    "LowGPUUtilization", "MaxInitializationTime", "OverallSystemUsage", "StepOutlier", "ProfilerReport",
)  # fmt: skip
DEBUG_RULES = (
    "all_zero", "check_input_images", "class_imbalance", "confusion", "create_xgboost_report", "dead_relu",
    "exploding_tensor", "feature_importance_overweight", "loss_not_decreasing", "nlp_sequence_ratio", "overfit",
    "overtraining", "poor_weight_initialization", "saturated_activation", "similar_across_runs",
    "stalled_training_rule", "tensor_variance", "tree_depth", "unchanged_tensor", "vanishing_gradient",
    "weight_update_ratio",
)  # fmt: skip


class Recorder:
    """Takes the place of SageMaker's client and keeps the requests."""

    def __init__(self) -> None:
        self.request: dict[str, Any] = {}
        self.updates: list[dict[str, Any]] = []

    def create_training_job(self, **request: Any) -> dict[str, str]:
        self.request = json.loads(json.dumps(request))
        return {"TrainingJobArn": "arn"}

    def update_training_job(self, **request: Any) -> dict[str, str]:
        self.updates.append(json.loads(json.dumps(request)))
        return {"TrainingJobArn": "arn"}

    def describe_training_job(self, **asked: str) -> dict[str, Any]:
        return {**self.request, **asked, "ProfilingStatus": "Disabled"}


class Maker:
    def __init__(self, region: str, source: str) -> None:
        self.recorder = Recorder()
        boto = boto3.Session(region_name=region, aws_access_key_id="x", aws_secret_access_key="x")
        self.session = Session(
            boto_session=boto, sagemaker_client=self.recorder, default_bucket="artifacts-bucket",
            sagemaker_runtime_client=MagicMock(),
        )  # fmt: skip
        self.source = source
        self.estimator: Any = None

    def request(self, **debugger: Any) -> dict[str, Any]:
        self.estimator = XGBoost(
            entry_point="train.py", source_dir=self.source, code_location="s3://artifacts-bucket/code",
            framework_version="3.0-5", image_uri=IMAGE, role=ROLE, sagemaker_session=self.session,
            instance_type="ml.m5.xlarge",
            instance_count=1, volume_size=30, max_run=1_800, output_path="s3://artifacts-bucket/models",
            enable_sagemaker_metrics=True,
            metric_definitions=[{"Name": "validation:rmse", "Regex": "validation-rmse:([0-9.eE+-]+)"}],
            hyperparameters={
                "objective": "reg:squarederror", "max_depth": 5, "eta": 0.2, "gamma": 4, "min_child_weight": 6,
                "subsample": 0.7, "num_round": 51,
            },
            **debugger,
        )  # fmt: skip
        place = "s3://experiments-bucket/data/abalone"
        channels = {name: f"{place}/{name}/" for name in ("train", "validation")}
        self.estimator.fit(channels, wait=False, job_name="job")
        return self.recorder.request


def tutorial() -> dict[str, Any]:
    saved = [
        CollectionConfig(name=name, parameters={"save_interval": "5"})
        for name in ("metrics", "feature_importance", "full_shap", "average_shap")
    ]
    parameters = {"collection_names": "metrics", "num_steps": "10"}
    return {
        "disable_profiler": True,
        "debugger_hook_config": DebuggerHookConfig(s3_output_path=TENSORS, collection_configs=saved),
        "rules": [Rule.sagemaker(rule_configs.loss_not_decreasing(), rule_parameters=parameters)],
    }


def everything() -> dict[str, Any]:
    actions = rule_configs.ActionList(
        rule_configs.StopTraining(), rule_configs.Email("someone@example.com"), rule_configs.SMS("+15551234567")
    )
    others = [f"{TENSORS}/{name}/debug-output" for name in ("one", "two")]
    return {
        "debugger_hook_config": DebuggerHookConfig(
            s3_output_path=TENSORS, container_local_output_path="/opt/ml/output/tensors",
            hook_parameters={"save_interval": "100", "include_workers": "all"},
            collection_configs=[
                CollectionConfig("trees", {"include_regex": "trees/.*", "save_steps": "0,10", "reductions": "mean,max"})
            ],
        ),
        "rules": [
            Rule.sagemaker(rule_configs.tree_depth(), rule_parameters={"depth": "3"}, actions=actions),
            Rule.sagemaker(
                rule_configs.similar_across_runs(), name="similar", other_trials_s3_input_paths=others,
                rule_parameters={"collection_names": "trees"},
            ),
            Rule.custom(
                name="above", image_uri=EVALUATOR, instance_type="ml.m5.xlarge", volume_size_in_gb=5,
                source="s3://experiments-bucket/code/team/loss.py", rule_to_invoke="LossAbove",
                rule_parameters={"limit": "0.5"},
            ),
            ProfilerRule.sagemaker(rule_configs.ProfilerReport(CPUBottleneck_cpu_threshold=95)),
        ],
        "profiler_config": ProfilerConfig(s3_output_path=TENSORS, system_monitor_interval_millis=1_000),
        "tensorboard_output_config": TensorBoardOutputConfig(
            s3_output_path=TENSORS, container_local_output_path="/opt/ml/output/tensorboard"
        ),
    }  # fmt: skip


EVALUATOR = "606966180310.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-debugger-rule-evaluator:latest"


def updates(maker: Maker) -> list[dict[str, Any]]:
    maker.request(disable_profiler=True, debugger_hook_config=False)
    maker.estimator.output_path = TENSORS
    maker.estimator.update_profiler(
        rules=[ProfilerRule.sagemaker(rule_configs.ProfilerReport())], s3_output_path=TENSORS,
        system_monitor_interval_millis=1_000,
    )  # fmt: skip
    maker.estimator.enable_default_profiling()
    maker.recorder.describe_training_job = lambda **_: {"ProfilingStatus": "Enabled"}  # type: ignore[method-assign]
    maker.estimator.disable_profiling()
    return maker.recorder.updates


def requests(region: str, source: str) -> dict[str, Any]:
    maker = Maker(region, source)
    found: dict[str, Any] = {"tutorial": maker.request(**tutorial()), "everything": maker.request(**everything())}
    for name in DEBUG_RULES:
        rule = Rule.sagemaker(getattr(rule_configs, name)())
        hook = DebuggerHookConfig(s3_output_path=TENSORS)
        found[rule.name] = maker.request(disable_profiler=True, rules=[rule], debugger_hook_config=hook)
    for name in PROFILER_RULES:
        rule = ProfilerRule.sagemaker(getattr(profiler_rules, name)())
        config = ProfilerConfig(s3_output_path=TENSORS)
        found[name] = maker.request(rules=[rule], profiler_config=config, debugger_hook_config=False)
    found["updates"] = updates(Maker(region, source))
    return found


def configurations(package: str) -> dict[str, Any]:
    sys.path[:0] = package.split(":")
    from gridwatch.launch.sdk_objects import configuration_of

    answer = {}
    for name, made in (("tutorial", tutorial()), ("everything", everything())):
        made.pop("disable_profiler", None)
        answer[name] = configuration_of(**made)
    return answer


def main() -> None:
    if sys.argv[1] == "evaluators":
        answer: Any = [image_uris.retrieve("debugger", region) for region in json.load(sys.stdin)]
    else:
        answer = requests(sys.argv[1], sys.argv[2])
        answer["configurations"] = configurations(sys.argv[3])
    sys.stdout.write("ANSWER " + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()

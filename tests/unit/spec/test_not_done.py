"""What of a Debugger configuration Gridwatch does not do is told, member by member; the SDK's defaults are taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gridwatch.spec.parts.debugger import (
    Configuration,
    HookConfiguration,
    ProfilerConfiguration,
    RuleConfiguration,
    TensorBoardConfiguration,
)
from gridwatch.spec.problems import Problem
from tests.unit.launch.test_requests import planned
from tests.unit.spec.specs import blobs, parsed, problems

ROOT = Path(__file__).resolve().parents[3]
IMAGE = "895741380848.dkr.ecr.us-west-2.amazonaws.com/sagemaker-debugger-rules:latest"


def configured(engine: str = "gridwatch", **configuration: Any) -> dict[str, Any]:
    return blobs() | {"engine": engine, "rules": [], "collect": {}, "debugger": {"configuration": configuration}}


def rule(name: str = "Overfit", parameters: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    given = {"rule_to_invoke": name, **(parameters or {})}
    return {"RuleConfigurationName": name, "RuleEvaluatorImage": IMAGE, "RuleParameters": given, **changes}


def judged(**changes: Any) -> dict[str, Any]:
    return {"DebugRuleConfigurations": [rule(**changes)]}


def profiled(**profiler: Any) -> dict[str, Any]:
    """With a rule that looks at the profile."""
    return {"ProfilerConfig": profiler, "ProfilerRuleConfigurations": [rule("ProfilerReport")]}


def told(document: dict[str, Any]) -> list[str]:
    return [each.message for each in parsed(document).warnings if "not done by Gridwatch" in each.message]


def actions(*given: str) -> dict[str, str]:
    return {"action_json": f"[{', '.join(given)}]".replace('"', '\\"')}


MAIL, SMS = '{"name": "email", "endpoint": "a@b.com"}', '{"endpoint": "+1234567890", "name": "sms"}'
STOP, STOP_NAMED = '{"name": "stoptraining"}', '{"name": "stoptraining", "training_job_prefix": "j"}'
FRAMEWORK = {"DetailedProfilingConfig": "{}", "PythonProfilingConfig": "{}", "DataloaderProfilingConfig": "{}"}


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ({"DebugHookConfig": {"S3OutputPath": "s3://there/debug"}}, ["S3OutputPath s3://there/debug"]),
        ({"DebugHookConfig": {"LocalPath": "/opt/tensors"}}, ["LocalPath /opt/tensors"]),
        ({"DebugHookConfig": {"CollectionConfigurations": [{"CollectionName": "metrics"}]}}, []),
        ({"DebugHookConfig": {"HookParameters": {"save_interval": "5"}}}, []),
        ({"ProfilerConfig": {"DisableProfiler": True}}, []),
        ({"ProfilerConfig": {"ProfilingIntervalInMilliseconds": 500}}, ["profiling (ProfilerConfig)"]),
        (profiled(), []),
        (profiled(ProfilingIntervalInMilliseconds=500), []),
        (profiled(ProfilingIntervalInMilliseconds=100), ["ProfilingIntervalInMilliseconds 100"]),
        (profiled(S3OutputPath="s3://there/p"), ["ProfilerConfig.S3OutputPath s3://there/p"]),
        (
            profiled(ProfilingParameters=FRAMEWORK | {"LocalPath": "/opt/profiler/"}),
            [", ".join(FRAMEWORK), "ProfilingParameters LocalPath"],
        ),
        (judged(), []),
        (judged(parameters=actions(STOP)), []),
        (judged(parameters=actions(MAIL)), ["the action email to a@b.com"]),
        (judged(parameters=actions(STOP, MAIL, SMS)), ["the action email to a@b.com", "the action sms to +1234567890"]),
        (judged(parameters=actions(STOP_NAMED)), []),  # the SDK fills in the job's own name
        (judged(parameters={"action_json": "what?"}), ["action_json, which cannot be read"]),
        (judged(RuleEvaluatorImage="1.dkr.ecr.x/own:1"), ["its evaluator 1.dkr.ecr.x/own:1"]),
        (judged(RuleEvaluatorImage="DEFAULT_RULE_EVALUATOR_IMAGE"), []),
        (judged(InstanceType="ml.t3.medium"), ["InstanceType ml.t3.medium"]),
        (judged(VolumeSizeInGB=0), []),
        (judged(S3OutputPath="s3://there/r"), ["S3OutputPath s3://there/r"]),
        (judged(LocalPath="/opt/rule"), ["LocalPath /opt/rule"]),
        ({"ProfilerRuleConfigurations": [rule("ProfilerReport", actions(SMS))]}, ["the action sms"]),
        ({"TensorBoardOutputConfig": {"S3OutputPath": "s3://there/b"}}, ["TensorBoardOutputConfig.S3OutputPath"]),
        ({"TensorBoardOutputConfig": {"LocalPath": "/opt/board"}}, []),
    ],
)
def test_what_is_not_done_is_told(configuration: dict[str, Any], words: list[str]) -> None:
    found = told(configured(**configuration))
    assert len(found) == len(words), found
    assert all(word in message for word, message in zip(words, found, strict=True))
    assert told(configured("debugger", **configuration)) == []


def test_every_member_of_a_configuration_is_thought_of() -> None:
    """One more member in the model is one more that is done, or told; docs/debugger.md says which."""
    page = (ROOT / "docs" / "debugger.md").read_text()
    sections = {
        "DebugHookConfig": HookConfiguration, "DebugRuleConfigurations": RuleConfiguration,
        "ProfilerConfig": ProfilerConfiguration, "TensorBoardOutputConfig": TensorBoardConfiguration,
    }  # fmt: skip
    members = [each.alias for each in Configuration.model_fields.values()]
    members += [f"{name}.{each.alias}" for name, model in sections.items() for each in model.model_fields.values()]
    assert [member for member in members if f"`{member}`" not in page] == []


def test_where_auto_falls_back_it_is_told_too() -> None:
    document = configured("auto", **judged(parameters=actions(MAIL)))
    assert told(document) == []
    fallen = planned(document).without_debugger(Problem(path=("engine",), message="SageMaker refused Debugger"))
    assert any("the action email" in warning.message for warning in fallen.warnings)


ON_TENSORS = [
    "AllZero", "CheckInputImages", "ClassImbalance", "Confusion", "CreateXgboostReport", "DeadRelu", "ExplodingTensor",
    "FeatureImportanceOverweight", "LossNotDecreasing", "NLPSequenceRatio", "Overfit", "Overtraining",
    "PoorWeightInitialization", "SaturatedActivation", "StalledTrainingRule", "TreeDepth", "UnchangedTensor",
    "VanishingGradient", "WeightUpdateRatio",
]  # fmt: skip
ON_PROFILES = [
    "BatchSize", "CPUBottleneck", "Dataloader", "GPUMemoryIncrease", "IOBottleneck", "LoadBalancing",
    "LowGPUUtilization", "MaxInitializationTime", "OverallFrameworkMetrics", "OverallSystemUsage", "ProfilerReport",
    "StepOutlier",
]  # fmt: skip


@pytest.mark.parametrize("name", [*ON_TENSORS, *ON_PROFILES])
def test_a_rule_as_the_sdk_makes_it_without_parameters_is_taken(name: str) -> None:
    kind = "ProfilerRuleConfigurations" if name in ON_PROFILES else "DebugRuleConfigurations"
    (policy,) = planned(configured(**{kind: [rule(name)]})).policies
    assert policy.rule == name


@pytest.mark.parametrize("unsaid", ["", "None", " "])
def test_parameters_that_nobody_gave_have_their_defaults(unsaid: str) -> None:
    given = dict.fromkeys(("collection_names", "tensor_regex", "num_steps", "diff_percent", "mode"), unsaid)
    losses, zeros = rule("LossNotDecreasing", given), rule("AllZero", {"threshold": unsaid})
    policies = planned(configured(DebugRuleConfigurations=[losses, zeros])).policies
    assert [policy.parameters for policy in policies] == [{}, {"tensor_regex": ".*"}]


def test_a_rule_that_names_no_tensors_looks_at_all_and_says_so() -> None:
    warnings = [each.message for each in parsed(configured(DebugRuleConfigurations=[rule("AllZero")])).warnings]
    assert any("AllZero: it names no tensors" in message for message in warnings)


def test_what_has_no_sensible_default_is_refused_with_what_it_needs() -> None:
    (problem,) = problems(configured(DebugRuleConfigurations=[rule("TensorVariance")]))
    assert "one of max_threshold and min_threshold is required" in problem.message


def test_a_rule_that_was_to_stop_the_job_does_so_here() -> None:
    stalled = rule("StalledTrainingRule", {"stop_training_on_fire": "True"})
    (policy,) = planned(configured(DebugRuleConfigurations=[stalled])).policies
    assert policy.on_issue == "stop"

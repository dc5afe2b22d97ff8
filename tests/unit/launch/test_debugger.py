"""Requests that ask for SageMaker's own Debugger: who evaluates which rule, and what SageMaker is sent."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gridwatch.domain.deployments import DebuggerRefusal
from gridwatch.launch.debugger_access import as_known
from gridwatch.launch.request import DEBUGGER_FIELDS
from gridwatch.spec.debugger_rules import COLLECTION_PARAMETERS, DEBUGGER_RULES, HOOK_PARAMETERS
from gridwatch.spec.problems import SpecError
from gridwatch_hook import config as hook_config
from tests.unit.functions.world import DEPLOYMENT
from tests.unit.launch.service_model import faults
from tests.unit.launch.test_requests import planned, requests
from tests.unit.spec.specs import TODAY, blobs, problems

RULES = "929884845733.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-debugger-rules:latest"
EVALUATOR = "606966180310.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-debugger-rule-evaluator:latest"
PLACE = "s3://artifacts-bucket/tensors"
ON_TWO_HOSTS: dict[str, Any] = {
    "objective": {"metric": "loss", "direction": "minimize"},
    "algorithm": {
        "framework": "pytorch", "version": "2.10", "source": "pytorch", "entry_point": "train.py",
        "metrics": {"loss": "loss: ([0-9.eE+-]+)"},
    },
    "hyperparameters": {}, "grid": None, "collect": {"losses": {"save_interval": 10}}, "checkpoints": {},
    "distribution": {"torchrun": {}}, "resources": {"instance_type": "ml.g5.12xlarge", "instance_count": 2},
}  # fmt: skip
DEPLOYED = replace(DEPLOYMENT, custom_rule_sources=("s3://experiments-bucket/code/",), allowed_in_specs=("*",))


def watched(*rules: dict[str, Any], engine: str = "debugger", **changes: Any) -> dict[str, Any]:
    return {**blobs(), "collect": {}, "rules": list(rules), "engine": engine, **changes}


def request(document: dict[str, Any]) -> dict[str, Any]:
    """The first request, which SageMaker's model takes."""
    sent = requests(planned(document, DEPLOYED))[0]
    assert faults("CreateTrainingJob", sent) == []
    return sent


def test_debugger_gets_its_rules_and_writes_where_gridwatch_reads() -> None:
    rule = {"rule": "TreeDepth", "parameters": {"depth": 3}, "on_issue": "stop"}
    plan = planned(watched(rule, {"rule": "CPUBottleneck", "parameters": {"threshold": 60}}))
    sent = request(watched(rule, {"rule": "CPUBottleneck", "parameters": {"threshold": 60}}))

    assert plan.engine == "debugger"
    assert [policy.managed for policy in plan.policies] == [True, True]
    assert sent["DebugRuleConfigurations"] == [
        {
            "RuleConfigurationName": "TreeDepth",
            "RuleEvaluatorImage": RULES,
            "RuleParameters": {"rule_to_invoke": "TreeDepth", "depth": "3"},
        }
    ]
    assert sent["ProfilerRuleConfigurations"][0]["RuleParameters"] == {
        "rule_to_invoke": "CPUBottleneck", "threshold": "60",
    }  # fmt: skip
    assert sent["ProfilerConfig"] == {"S3OutputPath": PLACE, "DisableProfiler": False}
    assert sent["DebugHookConfig"]["S3OutputPath"] == PLACE
    assert not [name for name in sent["Environment"] if name.startswith("GRIDWATCH")]


@pytest.mark.parametrize("name", sorted(DEBUGGER_RULES))
def test_every_rule_of_debuggers_is_taken_with_every_parameter_that_gridwatch_knows(name: str) -> None:
    (policy,) = planned(watched({"rule": name} | _needed(name))).policies
    assert policy.managed
    request(watched({"rule": name} | _needed(name)))


def _needed(name: str) -> dict[str, Any]:
    needed: dict[str, dict[str, Any]] = {
        "SimilarAcrossRuns": {"other_trials": "one,two"},
        "AllZero": {"collection_names": "metrics"},
    }
    needed |= {"UnchangedTensor": needed["AllZero"], "TensorVariance": {**needed["AllZero"], "max_threshold": 1}}
    given = needed.get(name, {})
    return {"parameters": given} if given else {}


def test_what_debugger_does_not_have_stays_gridwatchs_and_is_told() -> None:
    plan = planned(
        watched(
            {"rule": "MetricPlateau", "parameters": {"collection_names": "metrics"}},
            {"rule": "LossNotDecreasing", "parameters": {"increase_reading": "strict"}},
            {"rule": "TreeDepth"},
            {"when": "value > 3.0", "name": "large"},
            {"rule": "MedianStopping"},
        )
    )
    assert [policy.managed for policy in plan.policies] == [False, False, True, False, False]
    assert [warning.message.partition(": ")[2] for warning in plan.warnings] == [
        "Debugger has no rule MetricPlateau",
        "Debugger's LossNotDecreasing has no parameter increase_reading",
        "Debugger has no rule Expression",
        "Debugger has no rule MedianStopping",
    ]
    saved = {each["CollectionName"] for each in requests(plan)[0]["DebugHookConfig"]["CollectionConfigurations"]}
    assert {"metrics", "losses", "TreeDepth_tensors"} <= saved  # those that Gridwatch reads are saved as well


def test_a_rule_of_ones_own_is_evaluated_on_the_machine_that_it_names() -> None:
    own = {"source": "team/loss.py", "class": "LossAbove", "parameters": {"limit": 0.5, "regexes": ["a", "b"]}}
    sent = request(watched({**own, "name": "above", "evaluator": {"instance_type": "ml.m5.xlarge", "volume_gb": 5}}))
    assert sent["DebugRuleConfigurations"] == [
        {
            "RuleConfigurationName": "above",
            "RuleEvaluatorImage": EVALUATOR,
            "InstanceType": "ml.m5.xlarge",
            "VolumeSizeInGB": 5,
            "RuleParameters": {
                "source_s3_uri": "s3://experiments-bucket/code/team/loss.py",
                "rule_to_invoke": "LossAbove",
                "limit": "0.5",
                "regexes": "a,b",
            },
        }
    ]
    assert "DebugRuleConfigurations" not in request(watched(own))  # without a machine it is Gridwatch's


def test_other_trials_and_actions_are_spelled_as_debugger_reads_them() -> None:
    actions = [{"name": "stoptraining"}, {"name": "email", "endpoint": "a@b.cd"}]
    rule = {"rule": "SimilarAcrossRuns", "parameters": {"other_trials": "one,two"}, "actions": actions}
    sent = request(watched(rule))
    parameters = sent["DebugRuleConfigurations"][0]["RuleParameters"]
    assert parameters["other_trial_0"] == "s3://artifacts-bucket/tensors/one/debug-output"
    assert parameters["other_trial_1"] == "s3://artifacts-bucket/tensors/two/debug-output"
    assert json.loads(parameters["action_json"].replace('\\"', '"')) == [
        {"name": "stoptraining", "training_job_prefix": sent["TrainingJobName"]},
        {"endpoint": "a@b.cd", "name": "email"},
    ]
    assert "in the role of the jobs" in planned(watched(rule)).warnings[0].message


def test_the_hook_the_profiler_and_tensorboard_are_told_what_the_spec_says() -> None:
    sent = request(
        watched(
            collect={"metrics": {"save_interval": 5}, "trees": {"include_regex": "trees/.*", "save_steps": [0, 10]}},
            debugger={
                "hook_parameters": {"save_interval": 100, "include_workers": "all", "save_all": False},
                "path": "/opt/ml/output/tensors",
                "profiler": {"interval": 1000, "parameters": {"DataloaderProfilingConfig": "{}"}},
                "tensorboard": {"path": "/opt/ml/output/tensorboard"},
            },
        )
    )
    assert sent["DebugHookConfig"] == {
        "S3OutputPath": PLACE,
        "LocalPath": "/opt/ml/output/tensors",
        "HookParameters": {"save_interval": "100", "include_workers": "all", "save_all": "False"},
        "CollectionConfigurations": [
            {"CollectionName": "metrics", "CollectionParameters": {"save_interval": "5"}},
            {
                "CollectionName": "trees",
                "CollectionParameters": {"save_steps": "0,10", "include_regex": "trees/.*"},
            },
        ],
    }
    assert sent["ProfilerConfig"] == {
        "S3OutputPath": PLACE,
        "DisableProfiler": False,
        "ProfilingIntervalInMilliseconds": 1000,
        "ProfilingParameters": {"DataloaderProfilingConfig": "{}"},
    }
    assert sent["TensorBoardOutputConfig"] == {"S3OutputPath": PLACE, "LocalPath": "/opt/ml/output/tensorboard"}


CONFIGURATION = {
    "DebugHookConfig": {
        "S3OutputPath": "s3://elsewhere/debug",
        "LocalPath": "/opt/ml/output/tensors",
        "HookParameters": {"save_interval": "50"},
        "CollectionConfigurations": [
            {"CollectionName": "metrics", "CollectionParameters": {"train.save_interval": "5"}},
            {"CollectionName": "feature_importance"},
        ],
    },
    "DebugRuleConfigurations": [
        {
            "RuleConfigurationName": "LossNotDecreasing",
            "RuleEvaluatorImage": RULES.replace("929884845733", "503895931360").replace("eu-west-1", "us-east-1"),
            "VolumeSizeInGB": 0,
            "RuleParameters": {"rule_to_invoke": "LossNotDecreasing", "num_steps": "10", "collection_names": "metrics"},
        },
        {
            "RuleConfigurationName": "deep",
            "RuleEvaluatorImage": "DEFAULT_RULE_EVALUATOR_IMAGE",
            "RuleParameters": {
                "rule_to_invoke": "TreeDepth",
                "depth": "4",
                "action_json": '[{\\"name\\": \\"stoptraining\\", \\"training_job_prefix\\": \\"mine\\"}]',
            },
        },
    ],
    "ProfilerConfig": {"S3OutputPath": "s3://elsewhere/profile", "ProfilingIntervalInMilliseconds": 200},
    "ProfilerRuleConfigurations": [
        {
            "RuleConfigurationName": "ProfilerReport",
            "RuleEvaluatorImage": RULES,
            "RuleParameters": {"rule_to_invoke": "ProfilerReport"},
        }
    ],
    "TensorBoardOutputConfig": {"S3OutputPath": "s3://elsewhere/board"},
}


def test_a_configuration_of_debuggers_is_sent_as_it_is_but_for_its_places_and_its_region() -> None:
    document = watched(debugger={"configuration": CONFIGURATION, "on_issue": {"LossNotDecreasing": "record"}})
    plan, sent = planned(document), request(document)
    hook = CONFIGURATION["DebugHookConfig"]
    assert isinstance(hook, dict)
    assert sent["DebugHookConfig"] == {**hook, "S3OutputPath": PLACE}
    first, second = sent["DebugRuleConfigurations"]
    assert first["RuleEvaluatorImage"] == second["RuleEvaluatorImage"] == RULES
    assert "VolumeSizeInGB" not in first
    assert [each["RuleParameters"] for each in (first, second)] == [
        each["RuleParameters"]
        for each in CONFIGURATION["DebugRuleConfigurations"]  # type: ignore[index]
    ]
    assert sent["ProfilerConfig"] == {
        "S3OutputPath": PLACE, "DisableProfiler": False, "ProfilingIntervalInMilliseconds": 200,
    }  # fmt: skip
    assert sent["ProfilerRuleConfigurations"] == CONFIGURATION["ProfilerRuleConfigurations"]
    assert sent["TensorBoardOutputConfig"] == {"S3OutputPath": PLACE}
    assert [(rule.name, rule.rule, rule.on_issue.value, rule.managed) for rule in plan.policies] == [
        ("LossNotDecreasing", "LossNotDecreasing", "record", True),
        ("deep", "TreeDepth", "stop", True),  # Debugger was to stop the job
        ("ProfilerReport", "ProfilerReport", "alert", True),
    ]
    assert "s3://elsewhere/debug, s3://elsewhere/profile, s3://elsewhere/board" in plan.warnings[-1].message


def test_places_of_a_configuration_are_kept_where_the_jobs_have_a_role_of_their_own() -> None:
    role = {"role": "arn:aws:iam::123456789012:role/mine"}
    sent = request(watched(debugger={"configuration": CONFIGURATION}, resources=role))
    assert sent["DebugHookConfig"]["S3OutputPath"] == "s3://elsewhere/debug"
    assert sent["ProfilerConfig"]["S3OutputPath"] == "s3://elsewhere/profile"


def test_a_configuration_runs_under_gridwatchs_own_rules_as_well() -> None:
    plan = planned(watched(engine="gridwatch", debugger={"configuration": CONFIGURATION}))
    (sent, *_) = requests(plan)
    assert [rule.managed for rule in plan.policies] == [False] * 3
    assert not set(DEBUGGER_FIELDS) - {"ProfilerConfig"} & set(sent)
    told = json.loads("".join(value for key, value in sorted(sent["Environment"].items()) if "HOOK_CONFIG" in key))
    assert told["HookParameters"] == {"save_interval": "50"}
    assert told["CollectionConfigurations"][0]["CollectionParameters"] == {"train.save_interval": "5"}


def test_auto_holds_both_requests_and_the_second_is_that_of_gridwatchs_own_engine() -> None:
    rules = ({"rule": "TreeDepth"}, {"rule": "CPUBottleneck"}, {"when": "value > 3.0", "name": "large"})
    auto = planned(watched(*rules, engine="auto"))
    own = planned(watched(*rules, engine="gridwatch"))

    assert auto.engine == "auto"
    assert requests(auto) == requests(planned(watched(*rules, engine="debugger")))
    fallen = as_known(auto, _refusal(), _refusal().at)
    assert fallen.engine == "gridwatch"
    assert requests(fallen) == requests(own)
    assert fallen.policies == own.policies
    assert "SageMaker refused Debugger to this account on 2026-11-21" in fallen.warnings[-1].message
    assert as_known(auto, replace(_refusal(), forgotten=True), _refusal().at) == auto
    assert as_known(auto, None, _refusal().at) == auto


def _refusal() -> DebuggerRefusal:
    from datetime import UTC, datetime, time

    return DebuggerRefusal(
        account="123456789012", region="eu-west-1", at=datetime.combine(TODAY, time(9), UTC), words="no",
        code="ValidationException", job_name="job", experiment="blobs",
    )  # fmt: skip


def test_a_region_without_debugger_is_refused_with_the_reason_and_auto_goes_on() -> None:
    elsewhere = replace(DEPLOYED, region="me-central-1")
    with pytest.raises(SpecError) as refused:
        planned(watched({"rule": "TreeDepth"}), elsewhere)
    assert "no image sagemaker-debugger-rules of Debugger is known for region 'me-central-1'" in str(
        refused.value.problems[0].message
    )
    plan = planned(watched({"rule": "TreeDepth"}, engine="auto"), elsewhere)
    assert plan.engine == "gridwatch"
    assert "me-central-1" in plan.warnings[-1].message


def test_a_region_without_the_evaluator_of_own_rules_is_refused() -> None:
    own = {"source": "team/loss.py", "class": "LossAbove", "evaluator": {"instance_type": "ml.m5.xlarge"}}
    with pytest.raises(SpecError) as refused:
        planned(watched(own), replace(DEPLOYED, region="eu-south-1"))
    assert "sagemaker-debugger-rule-evaluator" in refused.value.problems[0].message


def test_more_than_a_request_may_hold_is_refused_before_it_is_sent() -> None:
    collect = {f"c{number}": {"include_regex": "x"} for number in range(20)}
    with pytest.raises(SpecError) as refused:
        planned(watched({"rule": "TreeDepth"}, collect=collect))
    assert "at most 20 CollectionConfigurations" in refused.value.problems[0].message

    actions = [{"name": "stoptraining"}, {"name": "email", "endpoint": "x" * 100 + "@example.com"}]
    with pytest.raises(SpecError) as refused:
        planned(watched({"rule": "TreeDepth", "actions": actions}))
    assert "action_json is longer than the 256" in refused.value.problems[0].message


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (watched({"rule": "TreeDepth", "actions": [{"name": "stoptraining"}]}, engine="gridwatch"),
         "rules[0].actions: is done by SageMaker's own Debugger, and Gridwatch evaluates this spec's rules"),
        (watched({"rule": "TreeDepth", "evaluator": {"instance_type": "ml.m5.large"}}),
         "rules[0].evaluator: is for rules of your own (source)"),
        (watched({"rule": "TreeDepth", "actions": [{"name": "email"}]}),
         "rules[0].actions[0]: email needs an endpoint"),
        (watched({"rule": "TreeDepth", "actions": [{"name": "sms", "endpoint": "+49", "training_job_prefix": "x"}]}),
         "rules[0].actions[0]: sms stops no job"),
        (watched(debugger={"on_issue": {"nothing": "stop"}}),
         "debugger.on_issue.nothing: no rule of the configuration has this name"),
        (watched(collect={"metrics": {}}, debugger={"configuration": CONFIGURATION}),
         "collect.metrics: Debugger's configuration asks for this collection too"),
        (watched({"rule": "TreeDepth", "name": "deep"}, debugger={"configuration": CONFIGURATION}),
         "debugger.configuration: two rules have the same name"),
        (watched(engine="auto", debugger={"configuration": {"DebugRuleConfigurations": [
            {"RuleConfigurationName": "x", "RuleParameters": {"rule_to_invoke": "TreeDept"}}]}}),
         "debugger.configuration: there is no such rule"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(document: dict[str, Any], expected: str) -> None:
    assert [f"{problem.field}: {problem.message}" for problem in problems(document)] == [expected]


def test_a_rule_that_gridwatch_does_not_know_is_debuggers_business() -> None:
    rule = {"RuleConfigurationName": "new", "RuleParameters": {"rule_to_invoke": "InventedLater"}}
    sent = request(watched(debugger={"configuration": {"DebugRuleConfigurations": [rule]}}))
    assert sent["DebugRuleConfigurations"][0]["RuleParameters"] == {"rule_to_invoke": "InventedLater"}


def test_auto_is_gridwatchs_where_debugger_would_be_switched_off() -> None:
    plan = planned(watched({"rule": "TreeDepth"}, engine="auto", **ON_TWO_HOSTS))
    assert plan.engine == "gridwatch"
    assert "Gridwatch evaluates the rules: Debugger is switched off" in plan.warnings[-1].message


def test_gridwatchs_own_hook_saves_in_a_distributed_training_with_checkpoints() -> None:
    assert not [
        each for each in planned(watched(engine="gridwatch", **ON_TWO_HOSTS)).warnings if "ebugger" in str(each)
    ]


def _imported(image: str, source: str) -> dict[str, Any]:
    rule = {
        "RuleConfigurationName": "mine", "RuleEvaluatorImage": image, "InstanceType": "ml.m5.large",
        "VolumeSizeInGB": 10,
        "RuleParameters": {"rule_to_invoke": "Own", "source_s3_uri": source},
    }  # fmt: skip
    return watched({"rule": "TreeDepth"}, debugger={"configuration": {"DebugRuleConfigurations": [rule]}})


@pytest.mark.parametrize(
    ("image", "source", "says"),
    [
        (EVALUATOR, "s3://other/x/y.py", "this deployment does not run code from here"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/mine:1", "s3://experiments-bucket/code/y.py",
         "this deployment does not let specs use it"),
    ],
)  # fmt: skip
def test_code_and_images_of_a_configuration_must_be_allowed_too(image: str, source: str, says: str) -> None:
    with pytest.raises(SpecError) as refused:
        planned(_imported(image, source), replace(DEPLOYED, allowed_in_specs=()))
    (problem,) = refused.value.problems
    assert (problem.field, problem.message) == ("debugger.configuration", says)


def test_what_is_allowed_of_a_configuration_is_sent() -> None:
    sent = request(_imported(EVALUATOR, "s3://experiments-bucket/code/y.py"))
    assert sent["DebugRuleConfigurations"][1]["InstanceType"] == "ml.m5.large"


def test_what_gridwatchs_hook_takes_is_known_before_a_job_begins() -> None:
    assert frozenset(hook_config._HOOK_KEYS) == HOOK_PARAMETERS
    assert frozenset(hook_config._COLLECTION_KEYS) == COLLECTION_PARAMETERS


@pytest.mark.parametrize("engine", ["gridwatch", "auto"])
def test_what_gridwatchs_hook_does_not_know_is_debuggers_alone(engine: str) -> None:
    collection = {"CollectionName": "metrics", "CollectionParameters": {"save_intervall": "5"}}
    debugger = {
        "hook_parameters": {"new_in_smdebug": 1},
        "configuration": {"DebugHookConfig": {"CollectionConfigurations": [collection]}},
    }
    assert [
        f"{problem.field}: {problem.message}" for problem in problems(watched(engine=engine, debugger=debugger))
    ] == [
        "debugger.hook_parameters: Gridwatch's hook knows no parameter new_in_smdebug of the hook",
        "debugger.configuration: Gridwatch's hook knows no parameter save_intervall of the collection metrics",
    ]
    assert request(watched(debugger=debugger))["DebugHookConfig"]["HookParameters"] == {"new_in_smdebug": "1"}


def test_what_is_for_tensorboard_is_debuggers_alone() -> None:
    given = {"export_tensorboard": "true", "save_histogram": "False", "tensorboard_dir": "board"}
    (first, second) = problems(watched(engine="gridwatch", debugger={"hook_parameters": given}))
    assert first.message.endswith("hook writes nothing for TensorBoard, for which export_tensorboard of the hook is")
    assert (first.found, first.advice) == ('"true"', "leave it out, or engine: debugger")
    assert second.field == "debugger.hook_parameters"
    assert request(watched(debugger={"hook_parameters": given}))["DebugHookConfig"]["HookParameters"] == given

"""What Gridwatch sends of Debugger beside what the SageMaker SDK's Debugger objects send (make test-sagemaker)."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from gridwatch.launch.evaluators import BUILT_IN, evaluator_image
from gridwatch.launch.profiler_update import ProfiledJob, profiler_update
from gridwatch.spec.debugger_rules import DEBUGGER_RULES
from gridwatch.spec.from_job import spec_of_job
from scripts.peer_environment import ROOT, python_of, why_missing
from tests.sdk.test_requests import SOURCE, comparable
from tests.unit.functions.world import DEPLOYMENT
from tests.unit.launch.service_model import faults
from tests.unit.launch.test_requests import planned, requests
from tests.unit.spec.specs import EXAMPLES, yaml_of

PEER = Path(__file__).parent / "peers" / "debugger.py"
DEPLOYED = replace(DEPLOYMENT, custom_rule_sources=("s3://experiments-bucket/code/",), allowed_in_specs=("*",))
DEBUGGER = (
    "DebugHookConfig", "DebugRuleConfigurations", "ProfilerConfig", "ProfilerRuleConfigurations",
    "TensorBoardOutputConfig",
)  # fmt: skip
REGIONS = ("af-south-1", "ap-northeast-3", "cn-north-1", "eu-west-1", "us-east-1", "us-gov-west-1", "me-south-1")
pytestmark = pytest.mark.skipif(bool(why_missing("sagemaker")), reason=why_missing("sagemaker") or "-")


def ask(*arguments: str, given: object = None) -> Any:
    command = [str(python_of("sagemaker")), "-W", "ignore", str(PEER), *arguments]
    finished = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, timeout=300, check=False
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return json.loads(finished.stdout.rsplit("ANSWER ", 1)[-1])


@pytest.fixture(scope="module")
def theirs() -> Any:
    return ask(DEPLOYMENT.region, SOURCE, f"{ROOT}:{ROOT / 'rules'}")


def of_debugger(request: dict[str, Any]) -> dict[str, Any]:
    """Debugger's fields; the SDK keeps collections in a set, and names the job in its actions."""
    found = json.loads(json.dumps({name: request[name] for name in DEBUGGER if name in request}))
    hook = found.get("DebugHookConfig", {})
    if collections := hook.get("CollectionConfigurations"):
        hook["CollectionConfigurations"] = sorted(collections, key=lambda each: str(each["CollectionName"]))
    for rule in found.get("DebugRuleConfigurations", ()):
        parameters = rule["RuleParameters"]
        if "action_json" in parameters:
            parameters["action_json"] = parameters["action_json"].replace(request["TrainingJobName"], "job")
    return dict(found)


def example() -> dict[str, Any]:
    return yaml_of("xgboost-debugger")


def sent(**changes: Any) -> dict[str, Any]:
    """The request of the tutorial's spec, with these changes."""
    (request,) = requests(planned({**example(), **changes}, DEPLOYED))
    assert faults("CreateTrainingJob", request) == []
    return request


def test_the_tutorial_xgboost_with_debugger_sends_what_the_sdk_sends(theirs: Any) -> None:
    (ours,) = requests(planned((EXAMPLES / "xgboost-debugger.yaml").read_text(), DEPLOYED))
    assert of_debugger(ours) == of_debugger(theirs["tutorial"])
    ours["InputDataConfig"] = [
        {name: value for name, value in channel.items() if name != "ContentType"} for channel in ours["InputDataConfig"]
    ]
    assert comparable(ours) == comparable(theirs["tutorial"])


def test_all_that_the_sdks_objects_can_say_is_said_alike(theirs: Any) -> None:
    actions = [
        {"name": "stoptraining"},
        {"name": "email", "endpoint": "someone@example.com"},
        {"name": "sms", "endpoint": "+15551234567"},
    ]
    ours = sent(
        collect={"trees": {"include_regex": "trees/.*", "save_steps": [0, 10], "reductions": ["mean", "max"]}},
        rules=[
            {"rule": "TreeDepth", "parameters": {"depth": 3}, "actions": actions},
            {
                "rule": "SimilarAcrossRuns", "name": "similar",
                "parameters": {"other_trials": ["one", "two"], "collection_names": "trees"},
            },
            {
                "source": "team/loss.py", "class": "LossAbove", "name": "above", "parameters": {"limit": 0.5},
                "evaluator": {"instance_type": "ml.m5.xlarge", "volume_gb": 5},
            },
            {"rule": "ProfilerReport", "parameters": {"CPUBottleneck_cpu_threshold": 95}},
        ],
        debugger={
            "hook_parameters": {"save_interval": 100, "include_workers": "all"},
            "path": "/opt/ml/output/tensors",
            "profiler": {"interval": 1000},
            "tensorboard": {"path": "/opt/ml/output/tensorboard"},
        },
    )  # fmt: skip
    expected = of_debugger(theirs["everything"])
    found = of_debugger(ours)
    # Beside what was asked for, Gridwatch has saved what TreeDepth looks at, and every round's metrics for its tables.
    beside = {"TreeDepth_tensors", "metrics"}
    collections = found["DebugHookConfig"]["CollectionConfigurations"]
    assert beside < {each["CollectionName"] for each in collections}
    found["DebugHookConfig"]["CollectionConfigurations"] = [
        each for each in collections if each["CollectionName"] not in beside
    ]
    assert found == expected


@pytest.mark.parametrize("name", [name for name, rule in DEBUGGER_RULES.items() if not rule.profiler])
def test_each_rule_is_said_as_the_sdk_says_it_and_its_collections_are_saved(name: str, theirs: Any) -> None:
    needed: dict[str, dict[str, Any]] = {
        "AllZero": {"collection_names": "metrics"},
        "SimilarAcrossRuns": {"other_trials": "one"},
        "TensorVariance": {"collection_names": "metrics", "max_threshold": 1},
        "UnchangedTensor": {"collection_names": "metrics"},
    }
    ours = sent(rules=[{"rule": name, "parameters": needed.get(name, {})}], collect={})
    expected = theirs[name]
    (rule,) = ours["DebugRuleConfigurations"]
    parameters = {key: str(value) for key, value in needed.get(name, {}).items()}
    if name == "SimilarAcrossRuns":
        parameters = {"other_trial_0": "s3://artifacts-bucket/tensors/one/debug-output"}
    assert rule == {
        **expected["DebugRuleConfigurations"][0],
        "RuleParameters": {**expected["DebugRuleConfigurations"][0]["RuleParameters"], **parameters},
    }
    attached = expected["DebugHookConfig"]["CollectionConfigurations"]
    saved = {each["CollectionName"]: each for each in ours["DebugHookConfig"]["CollectionConfigurations"]}
    assert [each for each in attached if saved.get(each["CollectionName"]) != each] == []


@pytest.mark.parametrize("name", [name for name, rule in DEBUGGER_RULES.items() if rule.profiler])
def test_each_rule_on_the_profile_is_said_as_the_sdk_says_it(name: str, theirs: Any) -> None:
    """The SDK writes out the rule's defaults; here they are the spec's, so every parameter is one that both know."""
    expected = theirs[name]
    (rule,) = expected["ProfilerRuleConfigurations"]
    given = {key: value for key, value in rule["RuleParameters"].items() if key != "rule_to_invoke" and value != "None"}
    ours = sent(rules=[{"rule": name, "parameters": given}], collect={})
    (found,) = ours["ProfilerRuleConfigurations"]
    assert found == {**rule, "RuleParameters": {**given, "rule_to_invoke": name}}
    assert ours["ProfilerConfig"] == expected["ProfilerConfig"]


@pytest.mark.parametrize("name", ["tutorial", "everything"])
def test_the_sdks_objects_are_imported_as_they_are(name: str, theirs: Any) -> None:
    configuration = theirs["configurations"][name]
    ours = sent(rules=[], collect={}, debugger={"configuration": configuration})
    expected = of_debugger(theirs[name])
    found = of_debugger(ours)
    # Metrics of every round are Gridwatch's own, where nobody says how often.
    collections = found["DebugHookConfig"]["CollectionConfigurations"]
    if name == "everything":
        found["DebugHookConfig"]["CollectionConfigurations"] = [
            each for each in collections if each["CollectionName"] != "metrics"
        ]
    assert found == expected


@pytest.mark.parametrize("name", ["tutorial", "everything"])
def test_the_spec_of_a_job_that_the_sdk_launched_sends_the_same(name: str, theirs: Any) -> None:
    document = yaml.safe_load(spec_of_job(theirs[name]).as_yaml()) | {"name": "again"}
    (ours,) = requests(planned(document, replace(DEPLOYED, allowed_in_specs=("*",))))
    expected, found = of_debugger(theirs[name]), of_debugger(ours)
    # Metrics of every round are Gridwatch's own, where nobody says how often.
    asked = {each["CollectionName"] for each in expected["DebugHookConfig"]["CollectionConfigurations"]}
    found["DebugHookConfig"]["CollectionConfigurations"] = [
        each for each in found["DebugHookConfig"]["CollectionConfigurations"] if each["CollectionName"] in asked
    ]
    assert found == expected
    assert comparable(ours) == comparable(theirs[name])


def test_what_the_sdk_sent_can_be_sent_again(theirs: Any) -> None:
    """A request, or the description of its job, is a configuration as well."""
    request = of_debugger(theirs["everything"])
    assert (
        of_debugger(sent(rules=[], collect={"metrics": {}}, debugger={"configuration": request}))[
            "DebugRuleConfigurations"
        ]
        == request["DebugRuleConfigurations"]
    )


def test_the_evaluators_are_where_the_sdk_says() -> None:
    assert [evaluator_image(BUILT_IN, region) for region in REGIONS] == ask("evaluators", given=list(REGIONS))


def test_updates_of_a_running_job_are_those_of_the_sdk(theirs: Any) -> None:
    job = ProfiledJob(
        job_name="job", region=DEPLOYMENT.region, status="InProgress", rules=(), place="s3://artifacts-bucket/tensors"
    )
    assert [
        profiler_update(job, on=None, interval=1_000, rules=["ProfilerReport"]),
        profiler_update(job, on=True, interval=None, rules=[]),
        profiler_update(job, on=False, interval=None, rules=[]),
    ] == theirs["updates"]

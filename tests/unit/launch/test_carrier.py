"""The hook that is brought into jobs: who gets it, what the request then holds, and what is said where it cannot be."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gridwatch.launch.carrier import CONFIG, MAX_VALUE, Bringing, Carrier, HookUse
from gridwatch.launch.plan import Plan, make_plan
from gridwatch.launch.seen import seen_of
from gridwatch.launch.template import Inputs
from gridwatch.spec.problems import SpecError
from gridwatch_hook.carrier.build import PACKAGE, members, without_config
from gridwatch_hook.watch.settings import CONFIG_FILE, WatchConfig
from tests.unit.functions.world import DEPLOYMENT, HOOK
from tests.unit.launch.service_model import faults
from tests.unit.launch.test_requests import requests
from tests.unit.spec.specs import blobs, parsed, problems

TRACKER = "/miniconda3/lib/python{}/site-packages/xgboost/dmlc-core/tracker"
ROLE = "arn:aws:iam::123456789012:role/training"
PLACE = "/opt/ml/input/data/gridwatch/gridwatch.zip"


def script(**changes: Any) -> dict[str, Any]:
    algorithm = {
        "framework": "pytorch", "version": "2.10", "entry_point": "train.py", "source": "src",
        "metrics": {"loss": "loss=([0-9.]+)"},
    } | changes.pop("algorithm", {})  # fmt: skip
    return {
        "name": "plain",
        "objective": {"metric": "loss", "direction": "minimize"},
        "algorithm": {name: value for name, value in algorithm.items() if value is not None},
        "data": {"train": {"uri": "s3://data-bucket/train/"}},
        "grid": {"lr": [0.1, 0.2]},
        "rules": [{"rule": "DeadRelu"}],
        **changes,
    }


def plan(document: dict[str, Any], *, hooks: frozenset[str] | None = frozenset(), **deployed: str) -> Plan:
    spec = parsed(json.dumps(document))
    inputs = Inputs(
        etags={name: {"k": "etag"} for name in spec.spec.data},
        source_uri="s3://experiments-bucket/code/sources/0.tar.gz",
        source_digest="0",
        hooks=hooks,
    )
    deployment = replace(DEPLOYMENT, allowed_in_specs=("*",), **(HOOK | deployed))
    return make_plan(spec, deployment, inputs)


def use(document: dict[str, Any], *, hooks: frozenset[str] | None = frozenset(), **deployed: str) -> HookUse:
    (found,) = plan(document, hooks=hooks, **deployed).hooks
    return found


def carrier(document: dict[str, Any], **deployed: str) -> Carrier:
    found = use(document, **deployed).carrier
    assert found is not None
    return found


def test_a_plain_script_gets_the_hook_as_a_channel_that_python_looks_into_first() -> None:
    made = plan(script())
    (found,) = made.carriers
    for request in requests(made):
        assert faults("CreateTrainingJob", request) == []
        channel = request["InputDataConfig"][-1]
        assert (channel["ChannelName"], channel["InputMode"]) == ("gridwatch", "File")
        assert channel["DataSource"]["S3DataSource"]["S3Uri"] == found.uri
        assert request["Environment"]["PYTHONPATH"] == PLACE
    assert found.uri.startswith("s3://artifacts-bucket/hook/0.1.0-")


def test_its_configuration_is_one_that_the_hook_takes_and_names_each_jobs_place() -> None:
    told = json.loads(carrier(script()).config)
    assert {each["CollectionName"] for each in told["hook"]["CollectionConfigurations"]} >= {"relu_output"}
    parsed_config = WatchConfig.parse(told, {"TRAINING_JOB_NAME": "gridwatch-plain-1"})
    assert parsed_config.place == "s3://artifacts-bucket/tensors/gridwatch-plain-1"
    assert parsed_config.region == "eu-west-1"
    assert json.loads(members(told)[CONFIG_FILE]) == told


def test_the_name_of_the_file_is_the_one_that_the_hook_reads() -> None:
    assert CONFIG == CONFIG_FILE
    assert CONFIG not in without_config()
    assert f"{PACKAGE}/watch/start.py" in without_config()


def test_another_hook_or_configuration_lies_elsewhere_and_makes_no_other_trials() -> None:
    first = plan(script())
    newer = plan(script(), hook_source_uri="s3://assets/0000.zip", hook_version="0.2.0")
    other = plan(script(rules=[{"rule": "VanishingGradient"}]))
    assert len({each.carriers[0].uri for each in (first, newer, other)}) == 3
    assert first.trial_ids == newer.trial_ids == other.trial_ids == plan(script(hook="off")).trial_ids
    assert carrier(script()).uri == carrier(script()).uri


@pytest.mark.parametrize(
    ("algorithm", "path"),
    [
        ({"environment": {"PYTHONPATH": "/opt/ml/code/lib:/extra"}}, f"{PLACE}:/opt/ml/code/lib:/extra"),
        (
            {"framework": "xgboost", "version": "1.7-1"},
            f"{PLACE}:{TRACKER.format('3.10')}:{TRACKER.format('3.8')}",
        ),
        ({"framework": "xgboost", "version": "1.7-1", "environment": {"PYTHONPATH": "/a"}}, f"{PLACE}:/a"),
        ({"environment": {"PYTHONPATH": ":/a:"}}, f"{PLACE}::/a:"),  # the folder in which Python starts is among them
        ({"framework": None, "version": None, "image": "mine:1", "environment": {"PYTHONPATH": ""}}, PLACE),
        (
            {
                "framework": None, "version": None, "source": None, "entry_point": None,
                "image": "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training:2.11.0-gpu-py312-cu130",
            },
            PLACE,
        ),
        ({"framework": "sklearn", "version": "1.4-2"}, PLACE),
        ({"framework": "tensorflow", "version": "2.19"}, PLACE),
    ],
)  # fmt: skip
def test_what_the_spec_and_the_image_have_on_their_path_stays_there(algorithm: dict[str, Any], path: str) -> None:
    made = plan(script(algorithm=algorithm))
    assert made.hooks[0].bringing is Bringing.CARRIED, made.hooks[0].reason
    assert made.template["Environment"]["PYTHONPATH"] == path


@pytest.mark.parametrize(
    ("document", "word"),
    [
        (script(hook="off"), "hook: off"),
        (script(resources={"isolated": True}), "reaches no network"),
        (script(algorithm={"framework": None, "version": None, "image": "mine:1"}), "algorithm.environment"),
        (script(algorithm={"framework": "sklearn", "version": "1.2-1"}), "older Python"),
        (script(algorithm={"framework": "pytorch", "version": "1.13"}), "older Python"),
        (script(algorithm={"environment": {"PYTHONPATH": "/a" * 240}}), "shorten it"),
        (script(data={f"c{number}": {"uri": f"s3://data-bucket/{number}/"} for number in range(19)},
                start_from={"model": "s3://models-bucket/model.tar.gz"}), "channel"),
        (script(engine="debugger"), "Debugger"),
        (script(resources={"role": ROLE}), "say hook: auto"),
    ],
)  # fmt: skip
def test_where_it_cannot_be_brought_the_reason_is_said(document: dict[str, Any], word: str) -> None:
    if "start_from" in document:
        spec = parsed(json.dumps(document))
        inputs = Inputs(etags={name: {} for name in spec.spec.data}, source_uri="s3://b/s.tar.gz",
                        model_uri="s3://models-bucket/model.tar.gz", hooks=frozenset())  # fmt: skip
        made = make_plan(spec, replace(DEPLOYMENT, **HOOK), inputs)
    else:
        made = plan(document)
    (found,) = made.hooks
    assert (found.bringing, found.carrier) == (Bringing.NONE, None)
    assert word in found.reason
    assert word in next(iter(seen_of(made))).as_document()["reason"]
    assert PLACE not in json.dumps(made.template)
    for request in requests(made):
        assert faults("CreateTrainingJob", request) == []


def test_a_role_of_ones_own_gets_it_where_the_spec_says_so() -> None:
    assert use(script(resources={"role": ROLE}, hook="auto")).bringing is Bringing.CARRIED


def test_a_deployment_without_the_archive_brings_nothing() -> None:
    found = use(script(), hook_source_uri="")
    assert (found.bringing, "deploy it anew" in found.reason) == (Bringing.NONE, True)


@pytest.mark.parametrize(
    ("hooks", "bringing"),
    [
        (frozenset({"gridwatch_hook"}), Bringing.OWN),
        (frozenset({"smdebug"}), Bringing.CARRIED),  # which does nothing where no Debugger is configured
        (None, Bringing.CARRIED),  # a hook that the script makes all the same is left alone at run time
        (frozenset(), Bringing.CARRIED),
    ],
)
def test_auto_leaves_a_script_alone_that_makes_the_hook_itself(
    hooks: frozenset[str] | None, bringing: Bringing
) -> None:
    assert use(script(), hooks=hooks).bringing is bringing
    assert use(script(hook="own"), hooks=hooks).bringing is Bringing.OWN


def test_the_own_script_for_xgboost_has_it_already() -> None:
    (found,) = plan(json.loads(json.dumps(blobs()))).hooks
    assert (found.bringing, found.carrier) == (Bringing.OWN, None)


def test_off_tells_the_job_nothing_of_a_hook() -> None:
    made = plan(script(hook="off"))
    (request, _) = requests(made)
    assert {name for name in request["Environment"] if name.startswith("GRIDWATCH_")} == {"GRIDWATCH_DISABLE"}
    own = requests(plan(script(hook="own")))[0]["Environment"]
    assert {"GRIDWATCH_HOOK_CONFIG", "GRIDWATCH_TENSORS_URI"} <= own.keys()


def test_instance_groups_all_get_the_channel() -> None:
    groups = {"groups": {"a": {"instance_type": "ml.m5.large", "instance_count": 1},
                         "b": {"instance_type": "ml.c5.xlarge", "instance_count": 1}}}  # fmt: skip
    made = plan(script(resources=groups))
    source = made.template["InputDataConfig"][-1]["DataSource"]["S3DataSource"]
    assert source["InstanceGroupNames"] == ["a", "b"]
    assert faults("CreateTrainingJob", requests(made)[0]) == []


def tuned(**changes: Any) -> dict[str, Any]:
    document = script(tune={"jobs": 4, "parameters": {"lr": {"continuous": [0.01, 0.1]}}}, **changes)
    return {name: value for name, value in document.items() if name != "grid"}


def test_the_jobs_of_a_tuning_job_get_it_and_the_tuning_jobs_name_stays() -> None:
    made, without = plan(tuned()), plan(tuned(), hook_source_uri="")
    assert made.tuning is not None
    assert without.tuning is not None
    assert faults("CreateHyperParameterTuningJob", dict(made.tuning)) == []
    definition = made.tuning["TrainingJobDefinition"]
    assert definition["InputDataConfig"][-1]["DataSource"]["S3DataSource"]["S3Uri"] == made.carriers[0].uri
    assert definition["Environment"]["PYTHONPATH"] == PLACE
    name = "HyperParameterTuningJobName"
    newer = plan(tuned(), hook_source_uri="s3://assets/0000.zip", hook_version="0.2.0")
    assert newer.tuning is not None
    assert made.tuning[name] == without.tuning[name] == newer.tuning[name]


def test_a_tuning_job_without_room_for_one_more_variable_goes_without() -> None:
    full = plan(tuned(), hook_source_uri="")
    assert full.tuning is not None
    room = 48 - len(full.tuning["TrainingJobDefinition"]["Environment"])
    for spare, bringing in ((2, Bringing.CARRIED), (1, Bringing.NONE)):
        variables = {f"V{number}": "1" for number in range(room - spare)}
        made = plan(tuned(algorithm={"environment": variables}))
        assert made.hooks[0].bringing is bringing, spare


def test_each_algorithm_of_a_tuning_job_has_its_own_answer() -> None:
    document = tuned()
    tune = document["tune"]
    document["tune"] = {
        "jobs": 4,
        "algorithms": {
            "torch": {"parameters": tune["parameters"], "metric": "loss"},
            "trees": {
                "algorithm": {"name": "xgboost", "version": "3.2-0"},
                "hyperparameters": {"objective": "reg:squarederror", "num_round": 3},
                "parameters": {"eta": {"continuous": [0.1, 0.3]}},
                "metric": "train-rmse",
            },
        },
    }
    document["data"] = {"train": {"uri": "s3://data-bucket/train/", "content_type": "text/csv"}}
    made = plan(document)
    assert [(each.algorithm, each.bringing) for each in made.hooks] == [
        ("torch", Bringing.CARRIED), ("trees", Bringing.OWN),
    ]  # fmt: skip
    assert [each.use.algorithm for each in seen_of(made)] == ["torch", "trees"]


@pytest.mark.parametrize(
    ("changes", "path", "allowed"),
    [
        ({"hook": "of"}, ("hook",), "'auto', 'off' or 'own'"),
        ({"hook": False}, ("hook",), "'auto', 'off' or 'own'"),
        ({"data": {"gridwatch": {"uri": "s3://data-bucket/x/"}}}, ("data", "gridwatch"), None),
        (
            {"start_from": {"model": "s3://models-bucket/model.tar.gz", "channel": "gridwatch"}},
            ("start_from", "channel"),
            None,
        ),
    ],
)
def test_a_wrong_value_and_a_taken_name_are_told_with_what_to_do(
    changes: dict[str, Any], path: tuple[str, ...], allowed: str | None
) -> None:
    with pytest.raises(SpecError) as refused:
        plan(script(**changes))
    (problem,) = [each for each in refused.value.problems if each.path == path]
    assert problem.advice or problem.allowed
    if allowed is not None:
        assert allowed in (problem.allowed or "")


@pytest.mark.parametrize("hook", ["off", "own"])
def test_the_name_is_free_where_no_hook_is_brought(hook: str) -> None:
    channels = plan(script(hook=hook, data={"gridwatch": {"uri": "s3://data-bucket/x/"}})).template["InputDataConfig"]
    assert [each["ChannelName"] for each in channels] == ["gridwatch"]


def test_off_is_refused_for_the_own_script_and_own_for_other_built_in_algorithms() -> None:
    (problem,) = problems(blobs() | {"hook": "off"})
    assert (problem.path, problem.allowed) == (("hook",), "auto, own")
    kmeans = {
        "algorithm": {"name": "kmeans"},
        "data": {"train": {"uri": "s3://data-bucket/t/", "content_type": "text/csv"}},
    }
    document = script(hook="own", rules=[], objective={"metric": "test:msd", "direction": "minimize"})
    document |= {**kmeans, "resources": {"instance_type": "ml.m5.large"}}
    assert ("hook",) in {each.path for each in problems(document)}


def test_the_longest_path_that_fits_is_taken() -> None:
    room = MAX_VALUE - len(PLACE) - 1
    for length, bringing in ((room, Bringing.CARRIED), (room + 1, Bringing.NONE)):
        path = "/" + "a" * (length - 1)
        assert use(script(algorithm={"environment": {"PYTHONPATH": path}})).bringing is bringing


def test_where_debugger_is_tried_first_the_hook_comes_with_the_second_try() -> None:
    made = plan(script(engine="auto"))
    assert made.hooks[0].bringing is Bringing.NONE
    assert PLACE not in json.dumps(made.template)
    assert made.own_fields["Environment"]["PYTHONPATH"] == PLACE
    assert made.own_fields["InputDataConfig"][-1]["ChannelName"] == "gridwatch"
    assert len(made.carriers) == 1

"""What a deployment refuses of a spec, and how the addresses in it are filled in."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gridwatch.launch.profiler import CONFIG_KEY
from gridwatch.spec.problems import SpecError
from gridwatch_hook.profiler import ProfilerSettings
from tests.unit.functions.world import DEPLOYMENT
from tests.unit.launch.test_requests import planned, requests
from tests.unit.spec.specs import blobs

OWN = {"source": "team/slow.py", "class": "SlowLoss"}
OPEN = replace(DEPLOYMENT, custom_rule_sources=("s3://experiments-bucket/code/", "s3://reviewed/rules/"))


def spec(*rules: dict[str, Any]) -> dict[str, Any]:
    return {**blobs(), "rules": list(rules)}


def refusal(document: dict[str, Any], deployment: Any = DEPLOYMENT) -> Any:
    with pytest.raises(SpecError) as raised:
        planned(document, deployment)
    (problem,) = raised.value.problems
    return problem


def test_no_code_of_users_runs_unless_the_deployment_allows_it() -> None:
    problem = refusal(spec(OWN))
    assert (problem.field, problem.line) == ("rules[0].source", problem.line)
    assert problem.line is not None
    assert "runs no rules of users' own" in problem.message
    (policy,) = planned(spec(OWN), OPEN).policies
    assert policy.source == "s3://experiments-bucket/code/team/slow.py"


def test_code_comes_from_allowed_prefixes_only() -> None:
    (policy,) = planned(spec({**OWN, "source": "s3://reviewed/rules/slow.py"}), OPEN).policies
    assert policy.source == "s3://reviewed/rules/slow.py"
    problem = refusal(spec({**OWN, "source": "s3://reviewed/other/slow.py"}), OPEN)
    assert "s3://reviewed/rules/" in problem.allowed


def test_a_plan_without_a_deployment_refuses_nothing() -> None:
    unknown = replace(DEPLOYMENT, is_known=False)
    others = {"rule": "SimilarAcrossRuns", "parameters": {"other_trials": "s3://elsewhere/tensors/j/debug-output"}}
    assert len(planned(spec(OWN, others), unknown).policies) == 2


def test_other_jobs_are_found_by_their_names() -> None:
    use = {"rule": "SimilarAcrossRuns", "parameters": {"other_trials": ["gridwatch-blobs-0123456789-1", "second-1"]}}
    (policy,) = planned(spec(use)).policies
    assert policy.parameters["other_trials"] == (
        "s3://artifacts-bucket/tensors/gridwatch-blobs-0123456789-1/debug-output,"
        "s3://artifacts-bucket/tensors/second-1/debug-output"
    )


@pytest.mark.parametrize(
    "location",
    ["s3://elsewhere/tensors/j/debug-output", "s3://artifacts-bucket/tables/x", "/etc", "../j",
     "s3://artifacts-bucket/tensors/../models/j/debug-output"],
)  # fmt: skip
@pytest.mark.parametrize("use", [{"rule": "SimilarAcrossRuns"}, OWN])
def test_tensors_elsewhere_are_refused(use: dict[str, Any], location: str) -> None:
    problem = refusal(spec({**use, "parameters": {"other_trials": location}}), OPEN)
    assert problem.field == "rules[0].parameters.other_trials"


def test_jobs_are_profiled_when_a_rule_looks_at_the_profile() -> None:
    for rule in ("CPUBottleneck", "ProfilerReport", "StepOutlier"):
        for request in requests(planned(spec({"rule": rule}))):
            settings = ProfilerSettings.parse(json.loads(request["Environment"][CONFIG_KEY]))
            assert settings is not None
            assert (settings.interval_ms, settings.file_seconds) == (500, 20.0)
            assert settings.steps is not None
            assert settings.loading is not None


def test_jobs_are_not_profiled_otherwise() -> None:
    for document in (blobs(), spec({"rule": "Overfit"}), spec(OWN)):
        assert not [
            key for request in requests(planned(document, OPEN)) for key in request["Environment"] if "PROF" in key
        ]

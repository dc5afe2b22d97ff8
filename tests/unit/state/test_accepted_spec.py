"""The typed view of an accepted spec: what older and newer versions wrote is read, and damage stays where it is."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from typing import Any

import pytest

from gridwatch.spec.parse import normalized, parse_spec
from gridwatch.state.accepted_spec import AcceptedSpec, Hypothesis, Limits, Objective, Repair, Watching

SPEC = b"""
name: eta
hypothesis: {text: smaller steps are better, expression: "best.eta < 0.3"}
objective: {metric: validation-error, direction: maximize}
owner: ada
team: trees
tags: {cost: "7"}
algorithm: {name: xgboost, version: 3.2-0}
data:
  train: {uri: "s3://data/train/", content_type: csv}
  validation: {uri: "s3://data/validation/", content_type: csv}
preprocessing: {script: "s3://data/prepare.py", jobs: [cleaning]}
hyperparameters: {num_round: 10, objective: "binary:logistic", eval_metric: error}
grid: {eta: [0.1, 0.3]}
resources: {role: "arn:aws:iam::123456789012:role/jobs"}
limits: {trials: 7, deadline: "2099-01-01T00:00:00Z", budget: 3.5, max_failures: 2}
watching: {share: 0.05, every: 30s}
rules: [{rule: Overfit, on_issue: stop}]
repair: {rules: [Overfit], hyperparameter: eta, times: 0.1}
doomed_regions: {min_failures: 5}
"""


def test_every_section_says_what_the_model_says() -> None:
    spec = parse_spec(SPEC, today=date(2026, 11, 30)).spec
    told = AcceptedSpec(normalized(spec))
    assert told.hypothesis == Hypothesis(text="smaller steps are better", expression="best.eta < 0.3")
    assert told.stated_objective == Objective(metric="validation-error", direction="maximize")
    assert (told.metric, told.maximize) == ("validation-error", True)
    assert (told.labels.owner, told.labels.team, told.labels.tags) == ("ada", "trees", {"cost": "7"})
    assert (told.algorithm.name, told.algorithm.image, told.tune) == ("xgboost", None, None)
    assert (told.preprocessing.script, told.preprocessing.jobs) == ("s3://data/prepare.py", ("cleaning",))
    assert told.points.grid == {"eta": [0.1, 0.3]}
    assert told.points.hyperparameters == spec.hyperparameters
    assert told.role == "arn:aws:iam::123456789012:role/jobs"
    assert told.limits == Limits(trials=7, deadline=spec.limits.deadline, budget=3.5, max_failures=2)
    assert told.watching == Watching(share=0.05, every=30)
    assert told.repair == Repair(rules=("Overfit",), hyperparameter="eta", times=0.1)
    assert spec.doomed_regions is not None
    assert told.doomed_regions is not None
    regions = ("action", "confidence", "share", "min_failures")
    assert [getattr(told.doomed_regions, each) for each in regions] == [
        getattr(spec.doomed_regions, each) for each in regions
    ]


def test_an_older_document_lacks_sections_and_has_the_hypothesis_as_a_text() -> None:
    told = AcceptedSpec({"name": "eta", "hypothesis": "it helps", "objective": {"metric": "loss"}, "limits": None})
    assert told.hypothesis == Hypothesis(text="it helps")
    assert (told.metric, told.maximize) == ("loss", False)
    assert (told.limits, told.watching, told.repair, told.doomed_regions) == (Limits(), None, None, None)
    assert (told.role, told.earlier_experiment, told.tune) == (None, None, None)


def test_a_newer_document_has_keys_that_this_version_ignores() -> None:
    told = AcceptedSpec({"limits": {"trials": 3, "energy": 8}, "aura": {"colour": "blue"}})
    assert told.limits == Limits(trials=3)


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        ({"limits": 5}, "limits of the spec: a Limits is a JSON object"),
        ({"limits": {"trials": "many"}}, "limits of the spec: trials: a number is needed, not 'many'"),
        ({"limits": {"max_failures": 1.5}}, "limits of the spec: max_failures: a whole number is needed, not 1.5"),
    ],
)
def test_a_damaged_section_is_named_and_harms_no_other(damaged: dict[str, Any], said: str) -> None:
    told = AcceptedSpec({"objective": {"metric": "loss"}, "owner": "ada", **damaged})
    with pytest.raises(ValueError, match=said):
        _ = told.limits
    assert (told.metric, told.labels.owner) == ("loss", "ada")


def test_a_document_without_an_objective_cannot_be_launched() -> None:
    with pytest.raises(ValueError, match="the spec has no objective"):
        _ = AcceptedSpec({}).stated_objective


def test_reading_it_imports_no_pydantic() -> None:
    code = "import sys, gridwatch.state.accepted_spec; print('pydantic' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"

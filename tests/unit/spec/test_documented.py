"""docs/spec.md: what it shows can be planned, and it leaves nothing out."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from gridwatch.spec.model import ExperimentSpec, Limits, Objective, RuleUse
from gridwatch.spec.parts.compute import Resources
from gridwatch.spec.parts.debugger import Collection
from tests.unit.functions.world import DEPLOYMENT
from tests.unit.launch.service_model import faults
from tests.unit.launch.test_requests import planned, requests
from tests.unit.spec.specs import EXAMPLES, parsed

TEXT = (EXAMPLES.parent / "docs" / "spec.md").read_text()
SPECS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize(("number", "trials"), [(0, 3), (1, 6), (2, 1), (3, 2)])
def test_every_documented_spec_can_be_planned(number: int, trials: int) -> None:
    deployment = replace(DEPLOYMENT, custom_rule_sources=("s3://experiments-bucket/code/",))
    plan = planned(SPECS[number], deployment)
    assert plan.count == trials
    assert plan.warnings == ()
    for request in requests(plan):
        assert faults("CreateTrainingJob", request) == []


def test_there_is_no_spec_that_is_not_tested() -> None:
    assert len(SPECS) == 4


def test_the_full_spec_has_every_section_and_the_text_every_field() -> None:
    assert set(ExperimentSpec.model_fields) == parsed(SPECS[1]).spec.model_fields_set
    for section in (ExperimentSpec, Objective, Resources, Collection, RuleUse, Limits):
        for name, described in section.model_fields.items():
            field = described.alias or name
            assert re.search(rf"\b{field}\b", TEXT), f"{section.__name__}.{field} is not in docs/spec.md"


def test_the_documented_message_is_the_real_one() -> None:
    documented = re.search(r"hyperparameters\.max_dept: (.*?); …; (.*)", TEXT)
    assert documented is not None
    from tests.unit.spec.specs import blobs, only_problem

    document = blobs()
    document["hyperparameters"]["max_dept"] = 3
    told = only_problem(document).as_text("churn.yaml")
    assert documented[1] in told
    assert told.endswith(documented[2])

"""docs/spec.md: what it shows can be planned, and it leaves nothing out."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from gridwatch.spec.model import ExperimentSpec
from tests.unit.functions.world import DEPLOYMENT
from tests.unit.launch.service_model import faults
from tests.unit.launch.test_requests import planned, requests
from tests.unit.spec.specs import EXAMPLES, blobs, parsed

TEXT = (EXAMPLES.parent / "docs" / "spec.md").read_text()
SPECS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


TRIALS = [3, 6, 14, 30, 20, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 2]  # of each, in the order of the page
PAGES = [parsed(text).spec for text in SPECS]


@pytest.mark.parametrize(("number", "trials"), list(enumerate(TRIALS)))
def test_every_documented_spec_can_be_planned(number: int, trials: int) -> None:
    sources = ("s3://experiments-bucket/code/",)
    deployment = replace(DEPLOYMENT, custom_rule_sources=sources, allowed_in_specs=("*",))
    plan = planned(SPECS[number], deployment)
    assert plan.count == trials
    assert [warning for warning in plan.warnings if "beside Debugger" not in warning.message] == []
    for request in requests(plan):
        assert faults("CreateTrainingJob", request) == []
    if plan.tuning is not None:
        assert faults("CreateHyperParameterTuningJob", plan.tuning) == []


def test_there_is_no_spec_that_is_not_tested() -> None:
    assert len(SPECS) == len(TRIALS)


# The other pages show whole specs and sections of one; watching.md shows a rule set, which has a test of its own.
ELSEWHERE = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in sorted((EXAMPLES.parent / "docs").rglob("*.md"))
    if page.stem not in ("spec", "watching")
    for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL))
]


@pytest.mark.parametrize("text", ELSEWHERE)
def test_what_other_pages_show_of_a_spec_can_be_planned(text: str) -> None:
    shown = yaml.safe_load(text)
    # A section is laid over the tutorial's spec.
    document = shown if "algorithm" in shown else {**blobs(), **shown}
    plan = planned(document, replace(DEPLOYMENT, allowed_in_specs=("*",)))
    for request in requests(plan):
        assert faults("CreateTrainingJob", request) == []


def test_there_are_specs_on_other_pages() -> None:
    assert len(ELSEWHERE) > 4


def sections(kind: type[BaseModel] = ExperimentSpec) -> set[type[BaseModel]]:
    """Every section that a spec may have, at any depth."""
    found = {kind}
    for field in kind.model_fields.values():
        for inner in _models_in(field.annotation):
            found |= sections(inner)
    return found


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models_in(inner)]


def test_the_documented_specs_have_every_field_and_the_text_names_each() -> None:
    shown = {field for page in PAGES for field in page.model_fields_set}
    assert shown == set(ExperimentSpec.model_fields)
    for section in sections():
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

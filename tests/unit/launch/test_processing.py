"""Rules of SageMaker's own Debugger, against the account's quota of processing instances."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from gridwatch.launch.plan import Plan, make_plan
from gridwatch.launch.processing import within_processing_quota
from gridwatch.launch.template import Inputs
from gridwatch.spec.parse import ParsedSpec, parse_spec
from gridwatch.spec.problems import SpecError
from tests.unit.functions.world import DEPLOYMENT, example


def planned(debugger: int, profiler: int = 0) -> tuple[ParsedSpec, Plan]:
    """The example grid, four jobs at one time, with so many rules of SageMaker's own on each job."""
    parsed = parse_spec(example().encode(), today=date(2026, 11, 21))
    plan = make_plan(parsed, DEPLOYMENT, Inputs(etags={name: {"k": "etag"} for name in parsed.spec.data}))
    rules = {"DebugRuleConfigurations": [{}] * debugger, "ProfilerRuleConfigurations": [{}] * profiler}
    return parsed, replace(plan, template={**plan.template, **{name: each for name, each in rules.items() if each}})


def test_without_such_rules_no_quota_is_asked_for() -> None:
    parsed, plan = planned(0)

    def unasked() -> int:
        raise AssertionError

    assert within_processing_quota(parsed, plan, unasked) == plan


@pytest.mark.parametrize(
    ("debugger", "profiler", "quota", "at_once", "says"),
    [
        (1, 0, 4, 4, "of 4 that the account may have"),
        (1, 1, 8, 4, "8 for 4 jobs at one time, of 8"),
        (2, 1, 8, 2, "12 for 4 jobs at one time; the account may have 8, so at most 2 jobs"),
        (4, 0, 4, 1, "at most 1 jobs"),
        (3, 0, None, 4, "not known here"),
    ],
)
def test_what_the_rules_take_is_told_and_as_many_jobs_run_as_there_is_room_for(
    debugger: int, profiler: int, quota: int | None, at_once: int, says: str
) -> None:
    parsed, plan = planned(debugger, profiler)

    found = within_processing_quota(parsed, plan, lambda: quota)

    assert found.parallel_jobs == at_once
    (warning,) = found.warnings[len(plan.warnings) :]
    assert says in warning.message
    assert warning.field == "limits.parallel_jobs"


def test_more_rules_on_a_job_than_the_account_may_have_are_refused_before_anything_is_launched() -> None:
    parsed, plan = planned(5)
    with pytest.raises(SpecError) as refused:
        within_processing_quota(parsed, plan, lambda: 4)
    (problem,) = refused.value.problems
    assert "no job could ever start" in problem.message
    assert problem.field == "rules"
    assert problem.line is not None

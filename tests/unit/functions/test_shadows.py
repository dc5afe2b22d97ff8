"""Stories of the digest that says what a rule in shadow mode would have cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.rules import RulePolicy
from gridwatch.domain.trials import TrialState
from tests.unit.functions.test_across import BAD, GOOD, MEDIAN, OTHERS
from tests.unit.functions.watching import JOB, LOSS, World

SHADOW = replace(MEDIAN, shadow=True)
FALLING_LATE = [*BAD, 0.1]


def digest_of(
    values: list[float], *policies: RulePolicy, until: int = 2, state: TrialState = TrialState.COMPLETED
) -> dict[str, str]:
    """Two good trials, and one with these values that the rules see when it has come to step `until`."""
    world = World(*policies)
    for name, trial_id in OTHERS:
        world.add_job(name, trial_id, *policies)
        world.losses(*GOOD, job_name=name)
        world.evaluate(job_name=name)
        complete(world, name, trial_id, GOOD[-1])
    world.losses(*values)
    world.until = until
    world.evaluate()
    world.react()
    world.until = len(values)
    world.evaluate()
    complete(world, JOB, "0a1b2c3d4e", values[-1], state)
    now = world.clock.now()
    world.store.put_experiment(
        ExperimentRecord(
            name="blobs", spec_key="experiments/blobs.yaml", spec_version="v1", uploaded_at=now, template={},
            document={"objective": {"metric": "loss", "direction": "minimize"}}, policies=policies,
            trial_ids=("0a1b2c3d4e",), parallel_jobs=1, created_at=now, updated_at=now,
        )
    )  # fmt: skip
    record = world.digest("blobs")
    assert record is not None
    return {fact["label"]: fact["value"] for fact in record.content["facts"]}


def complete(
    world: World, job_name: str, trial_id: str, value: float, state: TrialState = TrialState.COMPLETED
) -> None:
    trial = world.store.trials["blobs", trial_id]
    decided = max((each.decided_at for each in world.store.list_reactions(job_name)), default=world.clock.now())
    ended = decided + timedelta(seconds=90)
    done = replace(trial, state=state, final_metrics={"loss": value}, ended_at=ended)
    world.store.trials["blobs", trial_id] = done
    world.evaluate(job_name=job_name, ended=True)


@pytest.mark.parametrize(
    ("values", "cost"),
    [
        (BAD, "the best trial would not have been lost; best loss 0.2 all the same"),
        (FALLING_LATE, "the best trial would have been lost; best loss 0.2 in place of 0.1"),
    ],
)
def test_the_digest_says_what_a_shadow_rule_would_have_saved_and_cost(values: list[float], cost: str) -> None:
    facts = digest_of(values, SHADOW)
    said = "median would have stopped 1 of 3 completed trials, which then trained for 1 min 30 s; "
    assert facts["In shadow"] == said + cost
    assert "Cost of stops" not in facts


def test_a_shadow_rule_that_found_nothing_is_told_too() -> None:
    assert digest_of(GOOD, SHADOW)["In shadow"] == "median would have stopped none of 3 completed trials"


def test_of_trials_that_were_stopped_the_digest_says_how_they_stood_and_that_no_more_is_known() -> None:
    facts = digest_of(BAD, MEDIAN, state=TrialState.STOPPED)
    assert "In shadow" not in facts
    assert facts["Cost of stops"] == (
        "where the stopped trial would have ended was not seen (audit lets a share run on); "
        "the best value when stopped: 0.8, of the others: 0.2"
    )


def test_without_recorded_curves_what_would_have_been_stopped_counts_as_not_seen() -> None:
    stuck = [8.0, 4.0, 2.0, 1.0, 1.0, 1.0, 1.0, 0.01]
    facts = digest_of(stuck, replace(LOSS, shadow=True), until=6)
    assert facts["In shadow"].endswith(
        "the best trial would have been lost; best loss 0.2 in place of 0.01; of 1 only the end is known"
    )

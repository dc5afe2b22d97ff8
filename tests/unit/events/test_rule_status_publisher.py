"""What a rule has come to stays on record, whatever the clocks of the machines said that wrote before."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.rules import Action, RulePolicy
from gridwatch.domain.trials import TrialState
from gridwatch.events.rule_status_publisher import RuleStatusPublisher
from gridwatch.state.memory import MemoryStore
from gridwatch_rules.rules.status_change import StatusChange
from gridwatch_rules.status import RuleStatus
from tests.fakes.bus import FakeBus
from tests.fakes.clock import FakeClock
from tests.unit.tables.facts_of import a_trial

MINUTE = timedelta(minutes=1)


def _job(store: MemoryStore, created_at: datetime, started_at: datetime | None) -> JobRecord:
    trial = a_trial(0, state=TrialState.RUNNING, created_at=created_at, started_at=started_at, ended_at=None)
    store.add_trials([trial])
    return JobRecord(
        job_name=trial.job_name,
        experiment=trial.experiment,
        trial_id=trial.trial_id,
        attempt=1,
        policies=(RulePolicy(name="high", rule="Overfit", parameters={}, on_issue=Action.ALERT),),
        hyperparameters={},
        objective_metric="validation:error",
        objective_direction="minimize",
    )


@pytest.mark.parametrize("started", [None, -2 * MINUTE, 2 * MINUTE])
def test_a_verdict_by_a_slow_clock_replaces_what_a_fast_one_wrote(started: timedelta | None) -> None:
    # A launcher's clock is ahead, and the job fails within the minute: found by `random 7122`.
    store, clock = MemoryStore(), FakeClock()
    job = _job(store, clock.now() + MINUTE, None if started is None else clock.now() + started)
    publisher = RuleStatusPublisher(store=store, bus=FakeBus(), clock=clock)
    publisher.publish(job, [])  # in progress
    in_progress = store.list_rule_evaluations(job.job_name)
    publisher.publish(job, [StatusChange("high", RuleStatus.NO_ISSUES_FOUND)])
    for late in in_progress:  # a call that died and is repeated, or one that was slow
        store.put_rule_evaluation(late)
        store.put_rule_evaluation(replace(late, updated_at=clock.now() + MINUTE))
    assert [record.status for record in store.list_rule_evaluations(job.job_name)] == [RuleStatus.NO_ISSUES_FOUND]

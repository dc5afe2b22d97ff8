"""The store's contract (`gridwatch.state.store`), held by every implementation of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from gridwatch.aws.rule_state import RuleStateBucket
from gridwatch.aws.state_table import StateTable
from gridwatch.domain.alerts import AlertGate, AlertRecord
from gridwatch.domain.deployments import DebuggerRefusal, StoppingRecord
from gridwatch.domain.experiments import ExperimentRecord, LaunchHold, SnapshotTurn, TrackingRecord, TuningRecord
from gridwatch.domain.jobs import CurrentRecord, JobRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.regions import DoomedRegionRecord, RegionConditionRecord, RegionsRecord
from gridwatch.domain.rules import Action, RuleEvaluationRecord, RulePolicy
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.job_records import JobRecords
from gridwatch.state.memory import MemoryStore
from gridwatch.state.store import ConflictError, SavedEvaluation, StateStore, TrialPlace
from gridwatch_rules.failures import PermanentError
from gridwatch_rules.judgement.reported import OtherReports, ReportsRecord
from tests.fakes.counting_table import CountingTable
from tests.fakes.state_schema import state_schema
from tests.simulation.dynamodb import DynamoDB
from tests.simulation.s3 import S3
from tests.simulation.stage import Stage

T0 = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TABLE, BUCKET = "gridwatch-state", "gridwatch-artifacts"


def state_table() -> StateTable:
    """The table as infra/constructs/state.py declares it."""
    region = "eu-west-1"
    dynamodb, s3 = boto3.client("dynamodb", region), boto3.client("s3", region)
    dynamodb.create_table(TableName=TABLE, **state_schema())
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": region})
    return StateTable(TABLE, RuleStateBucket(BUCKET, s3), dynamodb)


@pytest.fixture(params=["memory", "dynamodb", "simulated", "counting"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[StateStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    if request.param == "simulated":  # what chaos in simulated time stands on
        stage = Stage(0)
        rule_states = RuleStateBucket(BUCKET, S3(stage, lambda *_: None))
        yield StateTable(TABLE, rule_states, DynamoDB(stage, index_lag=0))
        return
    if request.param == "counting":  # what the growth of requests is measured with
        yield StateTable(TABLE, RuleStateBucket(BUCKET, S3(Stage(0), lambda *_: None)), CountingTable())
        return
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "testing")
    with mock_aws():
        yield state_table()


def policy(**changes: Any) -> RulePolicy:
    return replace(
        RulePolicy(name="loss", rule="LossNotDecreasing", parameters={"diff_percent": 0.1}, on_issue=Action.STOP),
        **changes,
    )


def experiment(name: str = "blobs", **changes: Any) -> ExperimentRecord:
    record = ExperimentRecord(
        name=name,
        spec_key=f"experiments/{name}.yaml",
        spec_version="v1",
        uploaded_at=T0,
        document={"name": name, "grid": {"eta": [0.1, 0.30000000000000004], "note": ""}, "tags": {}},
        template={"RoleArn": "arn:aws:iam::123456789012:role/jobs", "Environment": {"EMPTY": ""}},
        policies=(policy(), policy(name="finite", on_issue=Action.RECORD)),
        trial_ids=("a" * 10, "b" * 10),
        parallel_jobs=4,
        created_at=T0,
        updated_at=T0,
    )
    return replace(record, **changes)


def trial(index: int = 0, **changes: Any) -> TrialRecord:
    record = TrialRecord(
        experiment="blobs",
        trial_id=f"{index:010x}",
        index=index,
        attempt=1,
        state=TrialState.WAITING,
        job_name=f"gridwatch-blobs-{index:010x}-1",
        hyperparameters={"max_depth": 2, "eta": 0.1, "objective": "binary:logistic", "flag": True, "none": None},
        created_at=T0,
        updated_at=T0,
    )
    return replace(record, **changes)


def job(**changes: Any) -> JobRecord:
    record = JobRecord(
        job_name="job",
        experiment="blobs",
        trial_id="a",
        attempt=1,
        policies=(policy(),),
        hyperparameters={"eta": 0.1},
        objective_metric="validation:error",
        objective_direction="minimize",
    )
    return replace(record, **changes)


def reaction(**changes: Any) -> ReactionRecord:
    record = ReactionRecord(
        job_name="job",
        rule_name="loss",
        experiment="blobs",
        trial_id="a",
        action="stop",
        reason="the rule asks for it",
        outcome=None,
        alert_id=None,
        finding={"step": 12, "observed": 0.5},
        decided_at=T0,
    )
    return replace(record, **changes)


def alert(alert_id: str = "one", **changes: Any) -> AlertRecord:
    record = AlertRecord(alert_id=alert_id, experiment=None, kind="rule_issue", content={"title": "ü"}, created_at=T0)
    return replace(record, **changes)


def status(rule: str = "loss", **changes: Any) -> RuleEvaluationRecord:
    record = RuleEvaluationRecord(
        job_name="job", rule_name=rule, status="InProgress", details=None, finding=None, updated_at=T0
    )
    return replace(record, **changes)


class TestExperiments:
    def test_kept_as_it_was_put(self, store: StateStore) -> None:
        assert store.put_experiment(experiment()) is None
        assert store.get_experiment("blobs") == experiment()
        assert store.get_experiment("other") is None

    def test_the_latest_upload_wins_whatever_comes_first(self, store: StateStore) -> None:
        late = experiment(uploaded_at=T0 + SECOND, spec_version="v2")
        assert store.put_experiment(late) is None
        early = experiment()
        assert store.put_experiment(early) is early
        assert store.get_experiment("blobs") == late

    def test_the_same_upload_again_is_taken(self, store: StateStore) -> None:
        store.put_experiment(experiment())
        again = experiment(updated_at=T0 + SECOND)
        assert store.put_experiment(again) == experiment()
        assert store.get_experiment("blobs") == again

    def test_the_one_that_is_replaced_is_returned(self, store: StateStore) -> None:
        """Of two uploads in one second, which is all that S3 tells, the one that is put last counts."""
        store.put_experiment(experiment())
        other = experiment(spec_version="v2", spec_key="experiments/other.yaml")
        assert store.put_experiment(other) == experiment()
        assert store.put_experiment(experiment()) == other

    def test_an_upload_a_fraction_of_a_second_later_is_later(self, store: StateStore) -> None:
        later = experiment(uploaded_at=T0 + timedelta(microseconds=1), spec_version="v2")
        store.put_experiment(later)
        early = experiment()
        assert store.put_experiment(early) is early

    def test_listed_newest_first(self, store: StateStore) -> None:
        for number, name in enumerate(["one", "two", "three"]):
            store.put_experiment(experiment(name, created_at=T0 + number * SECOND))
        assert [record.name for record in store.list_experiments()] == ["three", "two", "one"]

    def test_a_very_large_one_is_kept(self, store: StateStore) -> None:
        large = experiment(
            trial_ids=tuple(f"{number:010x}" for number in range(40_000)), document={"name": "ü" * 200_000}
        )
        store.put_experiment(large)
        assert store.put_experiment(large) == large
        assert store.get_experiment("blobs") == large


class TestTrials:
    def test_many_are_read_at_once(self, store: StateStore) -> None:
        trials = [trial(index) for index in range(130)]
        store.add_trials([*trials, trial(7, experiment="other")])
        places = [(each.experiment, each.trial_id) for each in trials]
        found = store.get_trials([*places, ("blobs", "none"), ("none", trials[0].trial_id)])
        assert found == dict(zip(places, trials, strict=True))
        assert store.get_trials([]) == {}

    def test_added_once_and_kept_as_they_are(self, store: StateStore) -> None:
        assert store.add_trials([trial(0), trial(1)]) == 2
        store.update_trial(trial(0, state=TrialState.RUNNING, updated_at=T0 + SECOND), expected=trial(0))
        assert store.add_trials([trial(0), trial(1), trial(2)]) == 1
        assert [found.state for found in store.list_trials("blobs")] == ["running", "waiting", "waiting"]

    def test_many_are_added_and_listed_by_index(self, store: StateStore) -> None:
        trials = [trial(number, hyperparameters={"text": "x" * 2500}) for number in range(220)]
        store.add_trials(trials[90:120])
        assert store.add_trials(reversed(trials)) == 190
        assert store.list_trials("blobs") == trials
        assert store.add_trials(trials) == 0

    def test_full_record_comes_back(self, store: StateStore) -> None:
        full = trial(
            job_arn="arn", status="Completed", secondary_status="Completed", status_at=T0, instance_type="ml.m5.large",
            instance_count=2, started_at=T0, ended_at=T0 + timedelta(seconds=0.5), billable_seconds=61,
            final_metrics={"validation:error": 0.1 + 0.2, "tiny": 5e-324}, model_uri="s3://b/k", reason="because",
        )  # fmt: skip
        store.add_trials([full])
        assert store.get_trial("blobs", full.trial_id) == full
        assert store.get_trial("blobs", "other") is None
        assert store.get_trial("other", full.trial_id) is None

    def test_update_needs_the_record_it_was_made_from(self, store: StateStore) -> None:
        store.add_trials([trial()])
        running = trial(state=TrialState.RUNNING, updated_at=T0 + SECOND)
        store.update_trial(running, expected=trial())
        with pytest.raises(ConflictError):
            store.update_trial(trial(state=TrialState.FAILED, updated_at=T0 + 2 * SECOND), expected=trial())
        assert store.get_trial("blobs", trial().trial_id) == running

    def test_a_trial_that_is_not_there_is_not_updated(self, store: StateStore) -> None:
        with pytest.raises(ConflictError):
            store.update_trial(trial(), expected=trial())
        assert store.get_trial("blobs", trial().trial_id) is None

    def test_many_are_updated_but_for_those_that_others_changed(self, store: StateStore) -> None:
        trials = [trial(number) for number in range(230)]
        store.add_trials(trials[:-1])
        raced = {5, 120, 121}
        for number in raced:
            store.update_trial(
                trial(number, state=TrialState.STARTING, updated_at=T0 + SECOND), expected=trials[number]
            )
        changes = [(each, replace(each, priority=3, updated_at=T0 + 2 * SECOND)) for each in trials]
        kept = store.update_trials(changes)
        assert [each.index for each in kept] == [number for number in range(229) if number not in raced]
        found = store.list_trials("blobs")
        assert [each.index for each in found] == list(range(229)), "one that is not there is not added"
        assert {each.index for each in found if each.priority == 3} == {each.index for each in kept}
        assert {each.index for each in found if each.state is TrialState.STARTING} == raced
        assert store.update_trials([]) == []

    def test_by_state_in_order(self, store: StateStore) -> None:
        store.add_trials(
            [
                trial(0, created_at=T0 + SECOND),
                trial(2),
                trial(1),
                trial(3, priority=5, created_at=T0 + 2 * SECOND),
                trial(4, priority=-1),
                trial(5, experiment="other", created_at=T0 - SECOND),
                trial(6, state=TrialState.COMPLETED),
            ]
        )
        assert [found.index for found in store.trials_in(TrialState.WAITING)] == [3, 5, 1, 2, 0, 4]
        assert [found.index for found in store.trials_in(TrialState.WAITING, limit=2)] == [3, 5]
        assert store.trials_in(TrialState.RUNNING) == []

    def test_by_state_behind_a_place(self, store: StateStore) -> None:
        recorded = [trial(n, experiment=name) for name in ("blobs", "blobs-2") for n in range(3)]
        store.add_trials([*recorded, trial(0, experiment="late", created_at=T0 + SECOND)])

        def behind(place: TrialPlace, limit: int | None = None) -> list[tuple[str, int]]:
            found = store.trials_in(TrialState.WAITING, after=place, limit=limit)
            return [(each.experiment, each.index) for each in found]

        second = TrialPlace.of(trial(1))
        assert behind(second) == [("blobs", 2), ("blobs-2", 0), ("blobs-2", 1), ("blobs-2", 2), ("late", 0)]
        assert behind(second, limit=2) == [("blobs", 2), ("blobs-2", 0)]
        assert behind(second.behind_its_upload(), limit=1) == [("blobs-2", 0)]
        assert behind(TrialPlace.of(trial(0, experiment="late", created_at=T0 + SECOND))) == []

    def test_a_trial_moves_from_state_to_state(self, store: StateStore) -> None:
        store.add_trials([trial()])
        store.update_trial(trial(state=TrialState.STARTING, updated_at=T0 + SECOND), expected=trial())
        assert store.trials_in(TrialState.WAITING) == []
        assert [found.index for found in store.trials_in(TrialState.STARTING)] == [0]


class TestHolds:
    def test_kept_by_whoever_read_the_last_version(self, store: StateStore) -> None:
        assert store.get_hold("blobs") is None
        read = LaunchHold(experiment="blobs", spec_version="v1", failed_jobs=("a", "b"), updated_at=T0)
        kept = store.save_hold(read)
        assert store.get_hold("blobs") == kept == replace(read, version=1)
        with pytest.raises(ConflictError):
            store.save_hold(replace(read, limit="deadline"))
        store.save_hold(replace(kept, limit="budget", reason="spent"))
        found = store.get_hold("blobs")
        assert found is not None
        assert (found.limit, found.version) == ("budget", 2)
        assert store.list_trials("blobs") == []


class TestTracking:
    def test_kept_by_whoever_read_the_last_version(self, store: StateStore) -> None:
        assert store.get_tracking("blobs") is None
        read = TrackingRecord(experiment="blobs", entities=("g-blobs", "g-blobs-002"), updated_at=T0)
        kept = store.save_tracking(read)
        assert store.get_tracking("blobs") == kept == replace(read, version=1)
        with pytest.raises(ConflictError):
            store.save_tracking(replace(read, entities=("g-blobs",)))
        wider = store.save_tracking(replace(kept, entities=(*kept.entities, "g-blobs-003")))
        assert store.get_tracking("blobs") == wider
        assert store.list_trials("blobs") == []


class TestTurns:
    def test_of_two_who_read_the_same_one_loses(self, store: StateStore) -> None:
        assert store.get_turn("blobs") is None
        read = SnapshotTurn(experiment="blobs", holder="one", until=T0 + SECOND)
        kept = store.save_turn(read)
        assert store.get_turn("blobs") == kept == replace(read, version=1)
        with pytest.raises(ConflictError):
            store.save_turn(replace(read, holder="two"))
        free = store.save_turn(replace(kept, holder=None, until=None, as_of=T0, ended_at=T0 + SECOND, seconds=1.5))
        assert store.get_turn("blobs") == free
        assert store.list_trials("blobs") == []


class TestJobs:
    def test_kept_and_written_again(self, store: StateStore) -> None:
        store.put_job(job())
        store.put_job(job())
        assert store.get_job("job") == job()
        assert store.get_job("other") is None

    def test_those_of_many_that_are_on_record(self, store: StateStore) -> None:
        for name in ("one", "two"):
            store.put_job(job(job_name=name))
        assert store.get_jobs(["two", "one", "other"]) == {name: job(job_name=name) for name in ("one", "two")}
        assert store.get_jobs([]) == {}

    def test_all_that_is_recorded_of_an_experiments_jobs(self, store: StateStore) -> None:
        for name, experiment_ in (("one", "blobs"), ("two", "blobs"), ("one-2", "blobs"), ("other", "moons")):
            store.put_job(job(job_name=name, experiment=experiment_))
            store.put_rule_evaluation(status(job_name=name, rule_name="loss", experiment=experiment_))
            store.put_rule_evaluation(status(job_name=name, rule_name="finite"))
            store.claim_reaction(reaction(job_name=name, experiment=experiment_), until=T0)
        found = store.records_of_jobs("blobs", ["one", "two", "never launched"])
        assert list(found) == ["one", "two", "never launched"]
        assert found["never launched"] == JobRecords()
        for name in ("one", "two"):
            assert found[name].job == job(job_name=name)
            assert [(each.job_name, each.rule_name) for each in found[name].evaluations] == [
                (name, "finite"), (name, "loss"),
            ]  # fmt: skip
            assert found[name].reactions == (reaction(job_name=name),)
        assert store.records_of_jobs("blobs", []) == {}

    def test_what_is_recorded_of_a_job_follows_its_changes(self, store: StateStore) -> None:
        store.put_job(job())
        store.put_rule_evaluation(status(status="InProgress"))
        store.put_rule_evaluation(status(status="IssuesFound", updated_at=T0 + SECOND))
        store.close_finding("job", "loss")
        store.claim_reaction(reaction(), until=T0)
        store.finish_reaction(reaction(outcome="done", carried_out_at=T0))
        (found,) = store.records_of_jobs("blobs", ["job"]).values()
        assert [each.status for each in found.evaluations] == ["IssuesFound"]
        assert [each.outcome for each in found.reactions] == ["done"]

    def test_reactions_are_finished_together(self, store: StateStore) -> None:
        names = [f"job-{number:03d}" for number in range(130)]
        for name in names[1:]:
            store.claim_reaction(reaction(job_name=name), until=T0)
        done = [reaction(job_name=name, outcome="done", carried_out_at=T0) for name in names]
        store.finish_reactions(done)
        assert [each for name in names for each in store.list_reactions(name)] == done
        store.finish_reactions([])

    def test_those_under_managed_rules_are_listed_until_closed(self, store: StateStore) -> None:
        for name, managed in (("two", True), ("one", True), ("plain", False)):
            store.put_job(job(job_name=name, managed_rules=managed))
        assert [found.job_name for found in store.managed_jobs()] == ["one", "two"]
        store.close_managed_job("one")
        store.close_managed_job("nobody's")
        assert [found.job_name for found in store.managed_jobs()] == ["two"]
        assert store.get_job("one") == job(job_name="one", managed_rules=True)


class TestDebuggerRefusal:
    def test_the_last_word_counts(self, store: StateStore) -> None:
        assert store.get_debugger_refusal() is None
        refusal = DebuggerRefusal(
            account="123456789012", region="eu-west-1", at=T0, words="no access", code="ValidationException",
            job_name="job", experiment="blobs",
        )  # fmt: skip
        store.put_debugger_refusal(refusal)
        assert store.get_debugger_refusal() == refusal
        store.put_debugger_refusal(replace(refusal, forgotten=True))
        assert store.get_debugger_refusal() == replace(refusal, forgotten=True)


class TestEvaluations:
    def test_first_version(self, store: StateStore) -> None:
        assert store.load_evaluation("job") == SavedEvaluation(None, 0)
        store.save_evaluation("job", {"cursor": {"step": 3}, "value": 0.1}, version=0)
        assert store.load_evaluation("job") == SavedEvaluation({"cursor": {"step": 3}, "value": 0.1}, 1)

    def test_of_two_savers_one_wins(self, store: StateStore) -> None:
        for version in (0, 1):
            store.save_evaluation("job", {"by": "first", "n": version}, version=version)
            with pytest.raises(ConflictError):
                store.save_evaluation("job", {"by": "second"}, version=version)
        assert store.load_evaluation("job") == SavedEvaluation({"by": "first", "n": 1}, 2)

    def test_a_version_never_saved_is_a_conflict(self, store: StateStore) -> None:
        with pytest.raises(ConflictError):
            store.save_evaluation("job", {}, version=3)

    def test_ten_versions_are_ten(self, store: StateStore) -> None:
        for version in range(11):
            store.save_evaluation("job", {"n": version}, version=version)
        assert store.load_evaluation("job") == SavedEvaluation({"n": 10}, 11)

    def test_large_documents(self, store: StateStore) -> None:
        large = {"values": [number / 7 for number in range(60_000)]}
        store.save_evaluation("job", large, version=0)
        assert store.load_evaluation("job") == SavedEvaluation(large, 1)
        with pytest.raises(ConflictError):
            store.save_evaluation("job", {"values": [0.0] * 60_000}, version=0)
        assert store.load_evaluation("job") == SavedEvaluation(large, 1)
        store.save_evaluation("job", {"small": True}, version=1)
        assert store.load_evaluation("job") == SavedEvaluation({"small": True}, 2)


class TestRuleEvaluations:
    def test_by_rule_and_job(self, store: StateStore) -> None:
        for record in (status("loss"), status("finite"), status("loss", job_name="job2")):
            store.put_rule_evaluation(record)
        assert store.list_rule_evaluations("job") == [status("finite"), status("loss")]
        assert store.list_rule_evaluations("jo") == []

    def test_older_never_replaces_newer(self, store: StateStore) -> None:
        newer = status(status="IssuesFound", details="…", finding={"step": 4}, updated_at=T0 + SECOND)
        store.put_rule_evaluation(newer)
        store.put_rule_evaluation(status())
        assert store.list_rule_evaluations("job") == [newer]
        again = replace(newer, details="same time")
        store.put_rule_evaluation(again)
        assert store.list_rule_evaluations("job") == [again]

    def test_a_finding_is_open_until_it_is_closed(self, store: StateStore) -> None:
        issue = status("loss", status="IssuesFound", updated_at=T0 + SECOND)
        error = status("finite", status="Error")
        for record in (issue, error, status("other", status="NoIssuesFound"), status("more")):
            store.put_rule_evaluation(record)
        assert store.open_findings() == [error, issue]
        store.close_finding("job", "finite")
        store.close_finding("job", "nothing of that name")
        assert store.open_findings() == [issue]
        assert error in store.list_rule_evaluations("job")
        store.put_rule_evaluation(error)
        assert store.open_findings() == [error, issue]


class TestReactions:
    def test_one_rule_stops_a_job(self, store: StateStore) -> None:
        assert store.claim_stop("job", "loss") == "loss"
        assert store.claim_stop("job", "finite") == "loss"
        assert store.claim_stop("job", "loss") == "loss"
        assert store.claim_stop("job2", "finite") == "finite"
        assert store.list_reactions("job") == []

    def test_claimed_once(self, store: StateStore) -> None:
        first, second = reaction(), reaction(action="alert", decided_at=T0 + SECOND)
        assert store.claim_reaction(first, until=T0) is first
        kept = store.claim_reaction(second, until=T0 + 9 * SECOND)
        assert kept is not second
        assert kept == first

    def test_carried_out_by_one_at_a_time(self, store: StateStore) -> None:
        until = T0 + 90 * SECOND
        kept = store.claim_reaction(reaction(), until=until)
        assert not store.lease_reaction(kept, now=T0 + 89 * SECOND, until=until + 90 * SECOND)
        assert store.lease_reaction(kept, now=until, until=until + 90 * SECOND)
        assert not store.lease_reaction(kept, now=until, until=until + 90 * SECOND)
        store.finish_reaction(reaction(outcome="done", carried_out_at=until))
        assert not store.lease_reaction(kept, now=until + 900 * SECOND, until=until + 990 * SECOND)
        assert store.list_reactions("job")[0].outcome == "done"

    def test_its_outcome_is_kept_while_it_is_leased(self, store: StateStore) -> None:
        until = T0 + 90 * SECOND
        kept = store.claim_reaction(reaction(), until=T0)
        store.keep_reaction(reaction(outcome="stop requested"), until=until)
        assert store.claim_reaction(reaction(), until=T0) == reaction(outcome="stop requested")
        assert not store.lease_reaction(kept, now=until - SECOND, until=until + 90 * SECOND)
        done = reaction(outcome="stop requested", alert_id="one", carried_out_at=until)
        store.finish_reaction(done)
        store.keep_reaction(reaction(outcome="late"), until=until + 90 * SECOND)
        assert store.list_reactions("job") == [done]

    def test_finished(self, store: StateStore) -> None:
        store.claim_reaction(reaction(), until=T0)
        done = reaction(outcome="stop requested", alert_id="one", carried_out_at=T0 + SECOND)
        store.finish_reaction(done)
        assert store.claim_reaction(reaction(), until=T0) == done
        store.claim_reaction(reaction(rule_name="finite"), until=T0)
        assert store.list_reactions("job") == [reaction(rule_name="finite"), done]


class TestStopping:
    def test_the_switch_stands_as_it_was_last_set(self, store: StateStore) -> None:
        assert store.get_stopping() is None
        paused = StoppingRecord(paused=True, by="ana", reason="audit", at=T0)
        store.put_stopping(paused)
        assert store.get_stopping() == paused
        store.put_stopping(replace(paused, paused=False, reason="", at=T0 + SECOND))
        kept = store.get_stopping()
        assert kept is not None
        assert not kept.paused


class TestAlerts:
    def test_added_once(self, store: StateStore) -> None:
        assert store.add_alert(alert()) == alert()
        assert store.add_alert(alert(kind="other")) == alert()
        assert store.get_alert("one") == alert()
        assert store.get_alert("two") is None

    def test_unsent_oldest_first(self, store: StateStore) -> None:
        for number, name in enumerate(["c", "a", "b"]):
            store.add_alert(alert(name, created_at=T0 + number * SECOND))
        sent = alert("a", created_at=T0 + SECOND, sent_at=T0 + 9 * SECOND, message_id="m")
        store.mark_sent(sent)
        assert [found.alert_id for found in store.unsent_alerts()] == ["c", "b"]
        assert store.get_alert("a") == sent
        assert store.add_alert(alert("a")) == sent

    def test_many_are_read_and_settled_together(self, store: StateStore) -> None:
        names = [f"alert-{number:03d}" for number in range(130)]
        for name in names:
            store.add_alert(alert(name))
        wanted = [*reversed(names), "nobody's"]
        assert [found.alert_id for found in store.get_alerts(wanted)] == list(reversed(names))
        told = [replace(found, told_in="another") for found in store.get_alerts(names[5:])]
        store.mark_all_sent(told)
        assert [found.alert_id for found in store.unsent_alerts()] == names[:5]
        assert store.get_alert("alert-129") == told[-1]
        assert store.get_alerts([]) == []

    def test_leased_to_one_at_a_time(self, store: StateStore) -> None:
        store.add_alert(alert())
        until = T0 + 60 * SECOND
        assert store.lease_alert("one", now=T0, until=until) == alert()
        assert store.lease_alert("one", now=T0 + 59 * SECOND, until=until + until.resolution) is None
        assert store.lease_alert("one", now=until, until=until + 60 * SECOND) == alert()
        assert [found.alert_id for found in store.unsent_alerts()] == ["one"]
        assert store.lease_alert("two", now=T0, until=until) is None

    def test_a_sent_one_is_never_leased(self, store: StateStore) -> None:
        store.add_alert(alert())
        store.lease_alert("one", now=T0, until=T0 + SECOND)
        store.mark_sent(alert(sent_at=T0, message_id="m"))
        assert store.lease_alert("one", now=T0 + 9 * SECOND, until=T0 + 99 * SECOND) is None

    def test_one_that_is_told_in_another_is_settled(self, store: StateStore) -> None:
        store.add_alert(alert())
        store.mark_sent(alert(told_in="another"))
        assert store.unsent_alerts() == []
        assert store.lease_alert("one", now=T0 + 99 * SECOND, until=T0 + 199 * SECOND) is None
        assert store.add_alert(alert()) == alert(told_in="another")

    def test_changed_while_it_is_leased(self, store: StateStore) -> None:
        store.add_alert(alert())
        store.lease_alert("one", now=T0, until=T0 + 60 * SECOND)
        store.keep_leased(alert(sent_to={"text": "m"}), until=T0 + 90 * SECOND)
        assert store.lease_alert("one", now=T0 + 89 * SECOND, until=T0 + 150 * SECOND) is None
        assert store.lease_alert("one", now=T0 + 90 * SECOND, until=T0 + 150 * SECOND) == alert(sent_to={"text": "m"})


class TestAdmissions:
    def test_gate_and_alert_are_kept_together_or_not_at_all(self, store: StateStore) -> None:
        first = store.admit_alert(gate(listed=True, collected=("a",)), "a")
        assert store.get_gate("quiet") == first == gate(listed=True, collected=("a",), version=1)
        second = store.admit_alert(replace(first, held=1), "b")
        with pytest.raises(ConflictError):
            store.admit_alert(replace(first, held=1), "c")
        assert [name for name in ("a", "b", "c") if store.is_admitted(second, name)] == ["a", "b"]
        later = store.admit_alert(replace(second, opened_at=T0 + SECOND, held=2), "a")
        assert store.admitted("quiet") == [(T0, "a"), (T0, "b"), (T0 + SECOND, "a")]
        assert not store.is_admitted(later, "b"), "it came to the gate as it stood open before"
        assert store.admitted("hour") == []


def gate(gate_id: str = "quiet", **changes: Any) -> AlertGate:
    return replace(AlertGate(gate_id=gate_id, opened_at=T0, closes_at=T0 + 300 * SECOND), **changes)


class TestGates:
    def test_kept_in_versions(self, store: StateStore) -> None:
        assert store.get_gate("quiet") is None
        first = store.save_gate(gate(passed=("a",)))
        assert first == gate(passed=("a",), version=1) == store.get_gate("quiet")
        second = store.save_gate(replace(first, collected=("b", "c")))
        assert second.version == 2
        assert store.get_gate("quiet") == second

    def test_of_two_savers_one_wins(self, store: StateStore) -> None:
        first = store.save_gate(gate(passed=("a",)))
        with pytest.raises(ConflictError):
            store.save_gate(gate(passed=("b",)))
        second = store.save_gate(replace(first, passed=("a", "b")))
        with pytest.raises(ConflictError):
            store.save_gate(replace(first, collected=("c",)))
        assert store.get_gate("quiet") == second

    def test_untold_ones_by_the_time_they_close(self, store: StateStore) -> None:
        late = store.save_gate(gate("late", collected=("a",), closes_at=T0 + 900 * SECOND))
        soon = store.save_gate(gate("soon", collected=("b",)))
        store.save_gate(gate("empty", passed=("c",)))
        assert store.untold_gates() == [soon, late]
        store.save_gate(replace(soon, told=True))
        assert store.untold_gates() == [late]


def test_a_large_evaluation_without_a_bucket_is_refused() -> None:
    with pytest.raises(PermanentError, match="no bucket"):
        StateTable(TABLE, dynamodb=object()).save_evaluation("job", {"text": "x" * 200_000}, version=0)


def test_the_objective_so_far_of_each_trial_is_read_at_once_and_never_goes_back(store: StateStore) -> None:
    def current(trial: str, count: int, job_name: str = "job-1") -> CurrentRecord:
        return CurrentRecord(
            experiment="blobs", trial_id=trial, job_name=job_name, metric="loss", source="log", count=count, step=count,
            value=math.inf, best=0.1 + 0.2, best_step=2, logged_at=T0, updated_at=T0,
        )  # fmt: skip

    assert store.list_current("blobs") == []
    for record in (current("b", 9), current("a", 10), current("a", 9), current("b", 9)):
        store.put_current(record)
    assert store.list_current("blobs") == [current("a", 10), current("b", 9)]
    assert store.list_current("others") == []
    store.put_current(current("a", 1, "job-2"))  # another attempt begins anew
    assert store.list_current("blobs")[0] == current("a", 1, "job-2")


def test_another_source_stands_in_for_the_objectives_own_until_that_has_a_value(store: StateStore) -> None:
    def current(count: int, *, substitute: bool) -> CurrentRecord:
        return CurrentRecord(
            experiment="blobs", trial_id="a", job_name="job-1", metric="loss", source="log", count=count, step=count,
            value=0.5, substitute=substitute, updated_at=T0,
        )  # fmt: skip

    for count, kept in ((300, 300), (12, 300), (301, 301)):
        store.put_current(current(count, substitute=True))
        assert store.list_current("blobs") == [current(kept, substitute=True)]
    store.put_current(current(1, substitute=False))
    store.put_current(current(400, substitute=True))
    assert store.list_current("blobs") == [current(1, substitute=False)]


def test_the_log_of_reports_takes_each_number_once_and_gives_what_is_new(store: StateStore) -> None:
    log = "blobs#validation:error#epochs"
    first = ReportsRecord(log=log, number=1, trial="a-1", reports=((0.0, 1.0, 0.1 + 0.2),), planned=50.0)
    second = ReportsRecord(log=log, number=2, trial="b-1", reports=((0.0, 1.0, float("inf")),), ending="failed")
    assert store.reports_after(log, 0) == []
    store.add_reports(first)
    with pytest.raises(ConflictError):
        store.add_reports(replace(second, number=1))
    store.add_reports(second)
    assert store.reports_after(log, 0) == [first, second]
    assert store.reports_after(log, 1) == [second]
    assert store.reports_after(log, 2) == []
    for number in range(3, 13):
        store.add_reports(replace(second, number=number))
    assert [record.number for record in store.reports_after(log, 8)] == [9, 10, 11, 12]
    assert store.reports_after("blobs#validation:error#rounds", 0) == []


def test_what_is_left_beside_a_log_is_found_from_its_number_on(store: StateStore) -> None:
    log = "blobs#validation:error#epochs"
    left = [
        ReportsRecord(log=log, number=number, trial=trial, reports=((0.0, 1.0, 0.5),), ending=ending)
        for number, trial, ending in ((2, "a-1", None), (2, "b-1", "failed"), (9, "c-1", None), (10, "a-1", None))
    ]
    assert store.left_reports(log, 0) == []
    for record in reversed(left):
        store.leave_reports(record)
        store.leave_reports(record)
    assert store.left_reports(log, 0) == left
    assert store.left_reports(log, 1) == left
    assert store.left_reports(log, 2) == left[2:]
    assert store.left_reports(log, 9) == left[3:]
    assert store.reports_after(log, 0) == []
    together = replace(left[0], number=1, others=(OtherReports(trial="b-1", reports=((0.0, 1.0, 0.5),), planned=9.0),))
    store.add_reports(together)
    assert store.reports_after(log, 0) == [together]


def test_the_regions_of_an_experiment_are_kept_by_version(store: StateStore) -> None:
    condition = RegionConditionRecord(factor="eta", relation=">=", value=1.0)
    region = DoomedRegionRecord(
        name="eta >= 1.0", conditions=(condition,), spec_version="v1", failures=7, known=7, confidence=0.99,
        failures_elsewhere=0, known_elsewhere=9,
    )  # fmt: skip
    record = RegionsRecord(experiment="blobs", doomed=(region,), updated_at=T0)
    assert store.get_regions("blobs") is None
    store.save_regions(record)
    assert store.get_regions("blobs") == replace(record, version=1)
    with pytest.raises(ConflictError):
        store.save_regions(record)
    released = replace(record, doomed=(), released=(region,), version=1)
    store.save_regions(released)
    assert store.get_regions("blobs") == replace(released, version=2)
    assert store.get_regions("other") is None


def tuning(**changes: Any) -> TuningRecord:
    record = TuningRecord(
        experiment="blobs", name="gridwatch-blobs-0a1b", state=TrialState.WAITING,
        request={"HyperParameterTuningJobName": "gridwatch-blobs-0a1b", "Tags": [{"Key": "a", "Value": "b"}]},
        created_at=T0, updated_at=T0,
    )  # fmt: skip
    return replace(record, **changes)


def test_a_tuning_job_is_kept_once(store: StateStore) -> None:
    assert store.add_tuning(tuning())
    assert not store.add_tuning(tuning(reason="another"))
    assert store.get_tuning("blobs", "gridwatch-blobs-0a1b") == tuning()
    assert store.get_tuning("blobs", "other") is None


def test_tuning_jobs_of_an_experiment_come_by_age(store: StateStore) -> None:
    later = tuning(name="gridwatch-blobs-0000", created_at=T0 + SECOND)
    for record in (later, tuning(), tuning(experiment="other")):
        store.add_tuning(record)
    assert store.list_tunings("blobs") == [tuning(), later]
    assert store.list_tunings("none") == []


def test_a_tuning_job_is_found_by_its_state_as_it_is_now(store: StateStore) -> None:
    store.add_tuning(tuning())
    running = tuning(state=TrialState.RUNNING, arn="arn", status_at=T0, updated_at=T0 + SECOND)
    store.update_tuning(running, expected=tuning())
    assert store.tunings_in(TrialState.WAITING) == []
    assert store.tunings_in(TrialState.RUNNING) == [running]


def test_of_two_changes_of_a_tuning_job_one_wins(store: StateStore) -> None:
    store.add_tuning(tuning())
    store.update_tuning(tuning(updated_at=T0 + SECOND), expected=tuning())
    with pytest.raises(ConflictError):
        store.update_tuning(tuning(updated_at=T0 + 2 * SECOND), expected=tuning())

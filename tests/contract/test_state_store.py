"""The contract of `gridwatch.state.store`, held by every implementation: in memory, and on DynamoDB (moto)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from gridwatch.aws.state_objects import S3StateObjects
from gridwatch.aws.state_table import StateTable
from gridwatch.state.memory import MemoryStore
from gridwatch.state.records import (
    Action,
    AlertRecord,
    ExperimentRecord,
    JobRecord,
    ReactionRecord,
    RuleEvaluationRecord,
    RulePolicy,
    TrialRecord,
    TrialState,
)
from gridwatch.state.store import ConflictError, StateStore

NOW = datetime(2026, 11, 21, 3, 0, 0, 123456, tzinfo=UTC)
POLICY = RulePolicy(name="loss", rule="LossNotDecreasing", parameters={"num_steps": 2}, on_issue=Action.STOP)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[StateStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        dynamodb = boto3.client("dynamodb", region_name="eu-west-1")
        text = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "gsi1pk", "gsi1sk")]
        dynamodb.create_table(
            TableName="state",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=text,
            KeySchema=_keys("pk", "sk"),
            GlobalSecondaryIndexes=[
                {"IndexName": "gsi1", "KeySchema": _keys("gsi1pk", "gsi1sk"), "Projection": {"ProjectionType": "ALL"}}
            ],
        )
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="artifacts")
        yield StateTable("state", objects=S3StateObjects("artifacts", s3), dynamodb=dynamodb)


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def experiment(name: str = "blobs", **changes: object) -> ExperimentRecord:
    record = ExperimentRecord(
        name=name,
        spec_key=f"experiments/{name}.yaml",
        spec_version="v1",
        uploaded_at=NOW,
        document={"name": name, "grid": {"eta": [0.2, 1e-7]}, "limit": math.inf},
        template={"RoleArn": "arn:aws:iam::123456789012:role/job"},
        policies=(POLICY,),
        trial_ids=("aaaaaaaaaa", "bbbbbbbbbb"),
        parallel_jobs=4,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(record, **changes)


def trial(trial_id: str = "aaaaaaaaaa", **changes: object) -> TrialRecord:
    record = TrialRecord(
        experiment="blobs",
        trial_id=trial_id,
        index=0,
        attempt=1,
        state=TrialState.WAITING,
        job_name=f"gridwatch-blobs-{trial_id}-1",
        hyperparameters={"eta": 0.2, "max_depth": 3, "booster": "gbtree", "flag": True},
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(record, **changes)


def reaction(**changes: object) -> ReactionRecord:
    record = ReactionRecord(
        job_name="job",
        rule_name="loss",
        experiment="blobs",
        trial_id="aaaaaaaaaa",
        action="stop",
        reason="the spec says so",
        outcome=None,
        alert_id="a1",
        finding={"observed": 1.5},
        decided_at=NOW,
    )
    return replace(record, **changes)


class TestExperiments:
    def test_a_record_comes_back_as_it_was(self, store: StateStore) -> None:
        assert store.put_experiment(experiment())
        assert store.get_experiment("blobs") == experiment()
        assert store.get_experiment("other") is None

    def test_the_latest_upload_wins_whatever_order_they_come_in(self, store: StateStore) -> None:
        later = experiment(uploaded_at=NOW + timedelta(seconds=1), spec_version="v2")
        assert store.put_experiment(later)
        assert not store.put_experiment(experiment())
        assert store.get_experiment("blobs") == later
        assert store.put_experiment(later), "the same upload again is no loser"

    def test_ten_thousand_trials_fit(self, store: StateStore) -> None:
        many = experiment(trial_ids=tuple(f"{i:010x}" for i in range(10_000)))
        store.put_experiment(many)
        assert store.get_experiment("blobs") == many

    def test_they_are_listed_newest_first(self, store: StateStore) -> None:
        store.put_experiment(experiment("old"))
        store.put_experiment(experiment("new", created_at=NOW + timedelta(seconds=1)))
        assert [record.name for record in store.list_experiments()] == ["new", "old"]


class TestTrials:
    def test_only_new_ones_are_added(self, store: StateStore) -> None:
        running = trial(state=TrialState.RUNNING)
        assert store.add_trials([running]) == 1
        assert store.add_trials([trial(), trial("bbbbbbbbbb", index=1)]) == 1
        assert store.list_trials("blobs") == [running, trial("bbbbbbbbbb", index=1)]
        assert store.get_trial("blobs", "aaaaaaaaaa") == running
        assert store.get_trial("blobs", "cccccccccc") is None

    def test_an_update_holds_only_against_what_was_read(self, store: StateStore) -> None:
        store.add_trials([trial()])
        started = trial(state=TrialState.STARTING, updated_at=NOW + timedelta(seconds=1))
        store.update_trial(started, expected=trial())
        with pytest.raises(ConflictError):
            store.update_trial(trial(state=TrialState.CANCELLED), expected=trial())
        assert store.get_trial("blobs", "aaaaaaaaaa") == started

    def test_an_unknown_trial_cannot_be_updated(self, store: StateStore) -> None:
        with pytest.raises(ConflictError):
            store.update_trial(trial(), expected=trial())

    def test_by_state_they_come_by_priority_then_age_then_index(self, store: StateStore) -> None:
        urgent = trial("3333333333", index=3, priority=5)
        second = trial("2222222222", index=12)
        first = trial("1111111111", index=2)
        late = trial("0000000000", index=0, created_at=NOW + timedelta(seconds=1))
        store.add_trials([late, second, first, urgent, trial("4444444444", state=TrialState.RUNNING)])
        assert store.trials_in(TrialState.WAITING) == [urgent, first, second, late]
        assert store.trials_in(TrialState.WAITING, limit=2) == [urgent, first]
        assert store.trials_in(TrialState.STOPPED) == []

    def test_a_changed_state_moves_a_trial(self, store: StateStore) -> None:
        store.add_trials([trial()])
        store.update_trial(
            trial(state=TrialState.RUNNING, final_metrics={"error": math.nan}, updated_at=NOW + timedelta(seconds=1)),
            expected=trial(),
        )
        assert store.trials_in(TrialState.WAITING) == []
        (found,) = store.trials_in(TrialState.RUNNING)
        assert math.isnan(found.final_metrics["error"])


class TestJobsAndEvaluations:
    def test_a_job_comes_back_as_it_was(self, store: StateStore) -> None:
        job = JobRecord(
            job_name="job",
            experiment="blobs",
            trial_id="aaaaaaaaaa",
            attempt=1,
            policies=(POLICY,),
            hyperparameters={"eta": 0.2},
            objective_metric="validation-error",
            objective_direction="minimize",
        )
        store.put_job(job)
        store.put_job(job)
        assert store.get_job("job") == job
        assert store.get_job("other") is None

    def test_of_two_savers_of_one_version_the_second_is_told(self, store: StateStore) -> None:
        assert store.load_evaluation("job").version == 0
        store.save_evaluation("job", {"cursor": 1}, version=0)
        with pytest.raises(ConflictError):
            store.save_evaluation("job", {"cursor": 2}, version=0)
        store.save_evaluation("job", {"cursor": 3}, version=1)
        saved = store.load_evaluation("job")
        assert (saved.document, saved.version) == ({"cursor": 3}, 2)

    def test_a_long_state_survives_a_lost_race(self, store: StateStore) -> None:
        ours, theirs = {"state": "x" * 500_000}, {"state": "y" * 500_000}
        store.save_evaluation("job", ours, version=0)
        with pytest.raises(ConflictError):
            store.save_evaluation("job", theirs, version=0)
        assert store.load_evaluation("job").document == ours

    def test_older_news_of_a_rule_never_replaces_newer(self, store: StateStore) -> None:
        found = RuleEvaluationRecord(
            job_name="job",
            rule_name="loss",
            status="IssuesFound",
            details="…",
            finding={"step": 4, "observed": "nan"},
            updated_at=NOW + timedelta(seconds=1),
        )
        store.put_rule_evaluation(found)
        store.put_rule_evaluation(replace(found, status="InProgress", updated_at=NOW))
        store.put_rule_evaluation(replace(found, rule_name="another"))
        assert store.list_rule_evaluations("job") == [replace(found, rule_name="another"), found]
        assert store.list_rule_evaluations("jo") == []


class TestReactionsAndAlerts:
    def test_the_first_claim_stays(self, store: StateStore) -> None:
        assert store.claim_reaction(reaction()) == reaction()
        assert store.claim_reaction(reaction(action="alert")) == reaction()
        done = reaction(outcome="stop requested", carried_out_at=NOW)
        store.finish_reaction(done)
        assert store.claim_reaction(reaction()) == done
        assert store.list_reactions("job") == [done]

    def test_an_alert_is_kept_once_and_unsent_until_it_is_sent(self, store: StateStore) -> None:
        alert = AlertRecord(
            alert_id="a1", experiment=None, kind="spec_rejected", content={"title": "…"}, created_at=NOW
        )
        earlier = replace(alert, alert_id="a0", created_at=NOW - timedelta(seconds=1))
        assert store.add_alert(alert) == alert
        assert store.add_alert(replace(alert, kind="other")) == alert
        store.add_alert(earlier)
        assert store.unsent_alerts() == [earlier, alert]
        sent = replace(alert, sent_at=NOW, message_id="m")
        store.mark_sent(sent)
        assert store.unsent_alerts() == [earlier]
        assert store.add_alert(alert) == sent
        assert store.get_alert("a1") == sent

"""Which event wakes which rule: the template's patterns on golden events, by the embedded cloud's matcher."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ministack.services import eventbridge

from gridwatch.storage import layout
from gridwatch_hook.layout import completed_index_key, flush_key
from tests.template.synthesized import Synthesized

EVENTS = Path(__file__).resolve().parents[1] / "events"
EXPERIMENTS = "gridwatch-experiments-123456789012-eu-west-1"
ARTIFACTS = "gridwatch-artifacts-123456789012-eu-west-1"
JOB = "gridwatch-blobs-0a1b2c3d4e-1"

EXPECTED = {
    "s3_spec_created.json": {"SpecUploaded"},
    "s3_index_created.json": {"TensorsLanded"},
    "s3_flush_created.json": {"TensorsLanded"},
    "s3_profile_created.json": {"ProfileLanded"},
    "sagemaker_training_job_state_change.json": {"TrainingJobChanged"},
    "sagemaker_training_job_rule_statuses.json": {"TrainingJobChanged", "DebuggerRuleStatus"},
    "sagemaker_watched_job_state_change.json": {"WatchedJobChanged"},
    "sagemaker_tuning_job_state_change.json": {"TuningJobChanged"},
    "gridwatch_rule_status_change.json": {"RuleStatus"},
    "scheduled_event.json": set(),
}


def golden(name: str) -> dict[str, Any]:
    return json.loads((EVENTS / name).read_text())


def woken_by(synthesized: Synthesized, event: dict[str, Any]) -> set[str]:
    """The rules that match; the matcher is handed an event as its bus keeps it."""
    kept = {
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "EventId": event["id"],
        "Account": event["account"],
        "Region": event["region"],
        "Time": event["time"],
        "Resources": event["resources"],
    }
    return {
        name
        for name, rule in synthesized.rules()
        if "EventPattern" in rule and eventbridge._matches_pattern(json.dumps(rule["EventPattern"]), kept)
    }


def created(bucket: str, key: str) -> dict[str, Any]:
    event = golden("s3_spec_created.json")
    event["detail"]["bucket"]["name"] = bucket
    event["detail"]["object"]["key"] = key
    return event


@pytest.mark.parametrize(("name", "rules"), EXPECTED.items())
def test_golden_events(synthesized: Synthesized, name: str, rules: set[str]) -> None:
    assert woken_by(synthesized, golden(name)) == rules


def test_every_rule_is_woken_by_some_golden_event(synthesized: Synthesized) -> None:
    assert set().union(*EXPECTED.values()) == {name for name, rule in synthesized.rules() if "EventPattern" in rule}


@pytest.mark.parametrize("suffix", layout.SPEC_SUFFIXES)
def test_every_kind_of_spec_is_taken_at_any_depth(synthesized: Synthesized, suffix: str) -> None:
    written = (suffix, suffix.upper(), f".{suffix[1:].title()}")
    for key in (f"experiments/{name}{each}" for name in ("blobs", "team a/2026/blobs") for each in written):
        assert layout.is_spec_key(key)
        assert woken_by(synthesized, created(EXPERIMENTS, key)) == {"SpecUploaded"}


def own_keys() -> dict[str, list[str]]:
    """Every kind of key that Gridwatch or its jobs write, by bucket."""
    spec = "experiments/deep/blobs.yaml"
    tensors = layout.tensor_prefix(JOB)
    return {
        EXPERIMENTS: [
            layout.spec_error_key(spec),
            layout.spec_status_key(spec),
            layout.spec_error_key("experiments/a.json"),
        ],
        ARTIFACTS: [
            layout.table_key("trials", "experiments"),
            layout.rule_state_key(JOB, 7, "0123456789abcdef"),
            f"{layout.QUERY_RESULT_PREFIX}5c1a.csv",
            f"{layout.MODEL_PREFIX}{JOB}/output/model.tar.gz",
            f"{tensors}collections/000000000/worker_0_collections.json",
            f"{tensors}events/000000000002/000000000002_worker_0.tfevents",
            f"{tensors}index/completed/000000000/000000000002_worker_0.json",
            f"{tensors}training_job_end.ts",
            layout.report_key(JOB, "ProfilerReport"),
            f"{layout.heartbeat_prefix(JOB)}status/worker_0.json",
            f"{layout.heartbeat_prefix(JOB)}index/000119735/000119735000_worker_0.json",
            f"{layout.heartbeat_prefix(JOB)}{flush_key(119_735_000, 'worker_0')}",
            f"{layout.profile_prefix(JOB)}framework/pevents/2026112011/1795172400000000_17-algo-1_pythontimeline.json",
        ],
    }


@pytest.mark.parametrize(("bucket", "key"), [(bucket, key) for bucket, keys in own_keys().items() for key in keys])
def test_what_gridwatch_writes_wakes_nothing(synthesized: Synthesized, bucket: str, key: str) -> None:
    assert woken_by(synthesized, created(bucket, key)) == set()


def test_index_files_are_those_that_the_layout_knows(synthesized: Synthesized) -> None:
    key = f"{layout.tensor_prefix(JOB)}index/000000000/000000000002_worker_0.json"
    assert layout.job_of_index_key(key) == JOB
    assert woken_by(synthesized, created(ARTIFACTS, key)) == {"TensorsLanded"}


def test_flush_objects_are_those_that_the_layout_knows(synthesized: Synthesized) -> None:
    key = f"{layout.tensor_prefix(JOB)}{flush_key(2_001, 'worker_3')}"
    assert layout.job_of_index_key(key) == JOB
    assert woken_by(synthesized, created(ARTIFACTS, key)) == {"TensorsLanded"}


def test_index_objects_that_closing_adds_wake_nothing(synthesized: Synthesized) -> None:
    for step in (0, 2_001, 10**9, 10**12 - 1):
        key = f"{layout.tensor_prefix(JOB)}{completed_index_key(step, 'worker_0')}"
        assert layout.job_of_index_key(key) is None
        assert woken_by(synthesized, created(ARTIFACTS, key)) == set()


def test_profile_files_are_those_that_the_layout_knows(synthesized: Synthesized) -> None:
    key = f"{layout.profile_prefix(JOB)}system/incremental/2026112011/1795172400.algo-1.json"
    assert layout.job_of_profile_key(key) == JOB
    assert layout.job_of_index_key(key) is None
    assert woken_by(synthesized, created(ARTIFACTS, key)) == {"ProfileLanded"}


def test_data_and_other_buckets_wake_nothing(synthesized: Synthesized) -> None:
    for bucket, key in (
        (EXPERIMENTS, "data/blobs/train.csv"),
        (EXPERIMENTS, "data/spec.yaml"),
        ("another", "experiments/a.yaml"),
    ):
        assert woken_by(synthesized, created(bucket, key)) == set()
    assert woken_by(synthesized, created(EXPERIMENTS, "experiments/readme.md")) == set()


def test_findings_in_watched_jobs_are_reacted_to_whatever_their_names(synthesized: Synthesized) -> None:
    event = golden("gridwatch_rule_status_change.json")
    event["detail"] |= {"TrainingJobName": "sentiment-1", "Experiment": "watch.careful"}
    assert woken_by(synthesized, event) == {"RuleStatus"}


def test_a_job_of_others_without_the_tag_wakes_nothing(synthesized: Synthesized) -> None:
    event = golden("sagemaker_watched_job_state_change.json")
    del event["detail"]["Tags"]["gridwatch:watch"]
    assert woken_by(synthesized, event) == set()


def test_jobs_and_rules_of_others_wake_nothing(synthesized: Synthesized) -> None:
    for name in ("sagemaker_training_job_rule_statuses.json", "gridwatch_rule_status_change.json"):
        event = golden(name)
        for other in ("pytorch-training-2026-11-20", "gridwatchdev-blobs-0a1b2c3d4e-1"):
            event["detail"]["TrainingJobName"] = other
            assert woken_by(synthesized, event) == set()


def test_profiler_rules_are_rules_too(synthesized: Synthesized) -> None:
    event = golden("sagemaker_training_job_rule_statuses.json")
    event["detail"]["ProfilerRuleEvaluationStatuses"] = event["detail"].pop("DebugRuleEvaluationStatuses")
    assert "DebuggerRuleStatus" in woken_by(synthesized, event)
    event["detail"]["ProfilerRuleEvaluationStatuses"] = []
    assert "DebuggerRuleStatus" not in woken_by(synthesized, event)

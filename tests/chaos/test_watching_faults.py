"""Watching, stopping and telling in the embedded cloud while calls fail, functions die and events are no order at all.

However it comes: every job whose rule fired is stopped, once; none without a finding; of every finding people are told
under one id, and nothing waits for ever.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gridwatch.alerts.rule_issue import rule_issue_id
from tests.chaos.faulty import FaultyCloud, faulty_cloud
from tests.story.deployed import Mailbox

STEPS, JOBS = 6, 8
RULES = [
    {
        "rule": "MetricThreshold",
        "name": "high",
        "parameters": {"above": 0.9, "tensor_regex": "error"},
        "on_issue": "stop",
    },
    {"rule": "MetricNonFinite", "name": "finite", "on_issue": "stop"},
]
# By a job's place: the rules that must find something, and the value of its last step.
KINDS: list[tuple[frozenset[str], float]] = [
    (frozenset({"high"}), 1.0),
    (frozenset({"finite"}), float("nan")),
    (frozenset({"high", "finite"}), float("inf")),
    (frozenset(), 0.1),
]
Faults = Mapping[str, Any]


def mild(seed: int) -> Faults:
    """Much goes wrong, but nobody dies with a lease in hand and no event is lost: all is well within seconds."""
    return {
        "seed": seed,
        "events": {"copies": 5, "delay": 1.0},
        "calls": [
            {"operation": "sns:Publish", "fault": "throttle", "share": 0.3},
            {"operation": "sagemaker:*", "fault": "throttle", "share": 0.3},
            {"operation": "s3:GET", "fault": "fail", "share": 0.1},
            {"operation": "dynamodb:*", "fault": "throttle", "share": 0.05},
            {"operation": "events:PutEvents", "fault": "lost", "share": 0.2},
            {"operation": "sqs:SendMessage", "fault": "double", "share": 0.3},
            {"operation": "s3:GET", "fault": "kill", "share": 0.02},
        ],
    }


def harsh(seed: int) -> Faults:
    """Events are lost, and functions die before and after any of their calls."""
    return {
        "seed": seed,
        "events": {"lost": 0.05, "copies": 5, "delay": 2.0},
        "calls": [
            *mild(seed)["calls"],
            {"operation": "*", "fault": "kill", "share": 0.02},
            {"operation": "*", "fault": "kill-after", "share": 0.02},
            {"operation": "*", "fault": "lost", "share": 0.03},
            {"operation": "*", "fault": "fail", "share": 0.03},
        ],
    }


@pytest.fixture(scope="module")
def cloud() -> Iterator[FaultyCloud]:
    with faulty_cloud(settings={"alert_group_seconds": 5}) as cloud:
        cloud.hurry_queues(4)
        yield cloud


def test_much_goes_wrong(cloud: FaultyCloud) -> None:
    tell_story(cloud, "mild-1", mild(1), random.Random(1), seconds=120)


def test_everything_goes_wrong(cloud: FaultyCloud, harsh_seed: int) -> None:
    tell_story(cloud, f"harsh-{harsh_seed}", harsh(harsh_seed), random.Random(harsh_seed), seconds=600)


@pytest.mark.usefixtures("patience")
def test_without_a_single_event_the_schedule_finds_what_fired_and_what_stands_still(cloud: FaultyCloud) -> None:
    stalled = {"rule": "StalledTrainingRule", "name": "stalled", "parameters": {"threshold": 3}, "on_issue": "stop"}
    fired, still = cloud.launch("unheard", 2, [*RULES, stalled])
    with cloud.faults({"events": {"lost": 1}}):
        cloud.write(fired, 0, 1.0)
        cloud.write(still, 0, 0.5)

        def found() -> bool:
            cloud.sweep()
            time.sleep(1)
            open_findings = {(record.job_name, record.rule_name) for record in cloud.store.open_findings()}
            return {(fired, "high"), (still, "stalled")} <= open_findings

        cloud.deployed.wait(found, "both findings", 60)
        assert cloud.injected()["event lost"] >= 4  # two of tensors, two of findings

    def stopped() -> bool:
        cloud.sweep()
        time.sleep(2)
        return all(trial.state == "stopped" for trial in cloud.store.list_trials("unheard"))

    # The sweep gives an event a minute before it takes it for lost.
    cloud.deployed.wait(stopped, "two stops", 120)
    reasons = {trial.job_name: trial.reason for trial in cloud.store.list_trials("unheard")}
    assert reasons == {fired: "stopped by high@0", still: "stopped by stalled@0"}


def tell_story(cloud: FaultyCloud, name: str, faults: Faults, chance: random.Random, seconds: float) -> None:
    mailbox = Mailbox.open(cloud.deployed, f"mail-{name}")
    jobs = cloud.launch(name, JOBS, RULES)
    with cloud.faults(faults):
        train(cloud, jobs, chance)
        time.sleep(3)
        injected = cloud.injected()
    assert sum(injected.values()) > 20, injected
    settle(cloud, jobs, seconds)

    expected = {(job, rule) for job, (rules, _) in zip(jobs, KINDS * JOBS, strict=False) for rule in rules}
    bad = {job for job, _ in expected}
    found = [reaction for job in jobs for reaction in cloud.store.list_reactions(job)]
    assert {(reaction.job_name, reaction.rule_name) for reaction in found} == expected
    assert Counter(reaction.job_name for reaction in found if reaction.action == "stop") == Counter(bad)
    for job in jobs:
        history = cloud.deployed.client("sagemaker").describe_training_job(TrainingJobName=job)
        stops = [each for each in history["SecondaryStatusTransitions"] if each["Status"] == "Stopping"]
        assert len(stops) == (job in bad), job
    told = told_ids(cloud, mailbox)
    assert {rule_issue_id(job, rule) for job, rule in expected} <= told
    for job in set(jobs) - bad:
        cloud.deployed.client("sagemaker").stop_training_job(TrainingJobName=job)


def train(cloud: FaultyCloud, jobs: list[str], chance: random.Random) -> None:
    """Every job writes its steps at its own pace; the last one is what its kind says."""

    def one(place: int, pause: float) -> None:
        _, last = KINDS[place % len(KINDS)]
        for step in range(STEPS):
            cloud.write(jobs[place], step, last if step == STEPS - 1 else 0.1 + 1 / (step + 2))
            time.sleep(pause)

    with ThreadPoolExecutor(len(jobs)) as pool:
        list(pool.map(one, range(len(jobs)), [chance.uniform(0.1, 0.6) for _ in jobs]))


def settle(cloud: FaultyCloud, jobs: list[str], seconds: float) -> None:
    """The schedules tick, more often than they do, until nothing is left to be done."""
    healthy = {job for job, (rules, _) in zip(jobs, KINDS * JOBS, strict=False) if not rules}

    def settled() -> bool:
        cloud.sweep()
        time.sleep(2)
        store = cloud.store
        trials = {trial.job_name: trial for trial in store.list_trials(experiment_of(cloud, jobs[0]))}
        return (
            all(trials[job].state == ("running" if job in healthy else "stopped") for job in jobs)
            and not store.open_findings()
            and not store.unsent_alerts()
            and not store.untold_gates()
            and all(reaction.carried_out_at for job in jobs for reaction in store.list_reactions(job))
        )

    cloud.deployed.wait(settled, "an end to all that is to be done", seconds)


def experiment_of(cloud: FaultyCloud, job_name: str) -> str:
    job = cloud.store.get_job(job_name)
    assert job is not None
    return job.experiment


def told_ids(cloud: FaultyCloud, mailbox: Mailbox) -> set[str]:
    """Ids of the alerts that people were told of: in a mail of their own, or in one that tells several together.

    A mail may come twice, under one id and with one text.
    """
    mails: dict[str, set[str]] = {}
    for mail in mailbox.about(""):
        alert_id = mail["MessageAttributes"]["alert_id"]["Value"]
        mails.setdefault(alert_id, set()).add(mail["Message"])
    assert all(len(texts) == 1 for texts in mails.values()), json.dumps({k: list(v) for k, v in mails.items()})
    told = set(mails)
    together = [alert for alert in all_alerts(cloud) if alert["told_in"] in mails]
    return told | {alert["alert_id"] for alert in together}


def all_alerts(cloud: FaultyCloud) -> list[dict[str, Any]]:
    dynamodb = cloud.deployed.client("dynamodb")
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=cloud.deployed.outputs["StateTable"],
        FilterExpression="begins_with(pk, :alert)",
        ExpressionAttributeValues={":alert": {"S": "alert#"}},
    )
    return [item_document(item) for page in pages for item in page["Items"]]


def item_document(item: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(item["document"]["S"])
    return document

"""Status and lists out of the store."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gridwatch.cli.demo.observation import observe
from gridwatch.cli.experiments import (
    blind_lines,
    counts_line,
    rule_lines,
    summaries,
    trial_lines,
    trial_status,
    unmatched_lines,
)
from gridwatch.cli.experiments import status as show_status
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.domain.trials import TrialState
from gridwatch.state.memory import MemoryStore
from gridwatch_rules.tensors.metric_definition import LogMetric
from tests.unit.tables.facts_of import LOSS_RULE, NOON, a_trial, an_experiment

RUNNING = a_trial(0, state=TrialState.RUNNING, status="InProgress", secondary_status="Training", final_metrics={})


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.put_experiment(an_experiment(RUNNING))
    store.add_trials([RUNNING])
    store.put_job(
        JobRecord(
            job_name=RUNNING.job_name,
            experiment="blobs",
            trial_id=RUNNING.trial_id,
            attempt=1,
            policies=(LOSS_RULE,),
            hyperparameters=RUNNING.hyperparameters,
            objective_metric="validation:error",
            objective_direction="minimize",
        )
    )
    return store


def _evaluation(status: str, **changes: Any) -> RuleEvaluationRecord:
    record = RuleEvaluationRecord(
        job_name=RUNNING.job_name, rule_name="loss", status=status, details=None, finding=None, updated_at=NOON
    )
    return replace(record, **changes)


def test_a_rule_of_which_nothing_is_recorded_is_shown_as_not_started(store: MemoryStore) -> None:
    (rule,) = trial_status(store, an_experiment(RUNNING), RUNNING)["rules"]
    assert (rule["rule"], rule["on_issue"], rule["status"]) == ("loss", "stop", "NotStarted")


def test_rules_that_saw_nothing_are_counted_below_the_table(store: MemoryStore) -> None:
    store.put_rule_evaluation(_evaluation("SawNothing", details="LossNotDecreasing looks for a loss"))
    trial = trial_status(store, an_experiment(RUNNING), RUNNING)
    assert blind_lines([trial]) == ["loss saw nothing to judge by in 1 of 1 job: it says nothing about them"]
    store.put_rule_evaluation(_evaluation("NoIssuesFound"))
    assert blind_lines([trial_status(store, an_experiment(RUNNING), RUNNING)]) == []


def test_expressions_that_found_nothing_in_a_log_are_told(store: MemoryStore) -> None:
    metrics = (LogMetric(name="f1", regex=r"f1=(\S+)"), LogMetric(name="acc", regex=r"acc=(\S+)"))
    job = replace(store.jobs[RUNNING.job_name], log_metrics=metrics)
    store.put_job(job)
    over = replace(RUNNING, state=TrialState.COMPLETED, final_metrics={"f1": 0.5}, started_at=NOON)
    documents = [trial_status(store, an_experiment(RUNNING), trial) for trial in (RUNNING, over)]
    assert [each["unmatched_metrics"] for each in documents] == [{}, {"acc": r"acc=(\S+)"}]
    (line,) = unmatched_lines(documents)
    assert line.startswith("acc: no value of it in the log of 1 of 1 job that came to an end")
    assert line.endswith(r"algorithm.metrics looks for acc=(\S+)")
    failed = replace(over, state=TrialState.FAILED, final_metrics={})
    assert trial_status(store, an_experiment(RUNNING), failed)["unmatched_metrics"] == {}


def test_what_stands_below_the_tables_is_apart_from_them(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A narrow terminal has blocks in place of a table, of which such a line would be the last."""
    store.put_rule_evaluation(_evaluation("SawNothing", details="it looks for a loss"))
    cloud = SimpleNamespace(store=store, unreadable={})
    monkeypatch.setattr("gridwatch.cli.experiments.cloud_of", lambda _: cloud)
    for width in (200, 40):
        monkeypatch.setattr("gridwatch.cli.output._ENDLESS", width)
        show_status(cast("Any", None), "blobs")
        printed = capsys.readouterr().out.splitlines()
        (place,) = (n for n, line in enumerate(printed) if line.startswith("loss saw nothing"))
        assert not printed[place - 1].strip()
        assert printed[place - 2].strip(), "and no further than that"


@pytest.mark.parametrize("status", ["InProgress", "NoIssuesFound", "Error"])
def test_every_status_is_shown_also_without_issues(store: MemoryStore, status: str) -> None:
    store.put_rule_evaluation(_evaluation(status))
    (rule,) = trial_status(store, an_experiment(RUNNING), RUNNING)["rules"]
    assert (rule["status"], rule["action"]) == (status, None)


def test_an_issue_is_shown_with_its_step_and_what_was_done(store: MemoryStore) -> None:
    store.put_rule_evaluation(_evaluation("IssuesFound", finding={"step": 12}))
    store.claim_reaction(
        ReactionRecord(
            job_name=RUNNING.job_name,
            rule_name="loss",
            experiment="blobs",
            trial_id=RUNNING.trial_id,
            action="stop",
            reason="asked for",
            outcome="stop requested",
            alert_id=None,
            finding=None,
            decided_at=NOON,
        ),
        until=NOON,
    )
    (rule,) = trial_status(store, an_experiment(RUNNING), RUNNING)["rules"]
    assert (rule["step"], rule["action"], rule["outcome"]) == (12, "stop", "stop requested")
    (view,) = observe(store, "blobs")
    assert view.words() == "training    loss: IssuesFound  -> stop: stop requested"


@pytest.mark.parametrize(
    ("on_issue", "action", "outcome", "done"),
    [
        ("stop", "alert", "not stopped", "not stopped: the training job had completed already"),
        ("alert", "alert", "not stopped", "alert: not stopped"),
        ("stop", "stop", "stop requested", "stop requested"),
        ("stop", None, None, None),
    ],
)
def test_a_stop_that_was_asked_for_and_not_made_says_why(
    on_issue: str, action: str | None, outcome: str | None, done: str | None
) -> None:
    rule = {"rule": "loss", "on_issue": on_issue, "evaluated_by": "gridwatch", "status": "IssuesFound", "step": 4,
            "details": None, "finding": "loss is nan", "action": action, "outcome": outcome,
            "action_reason": "the training job had completed already"}  # fmt: skip
    columns, ((*row,),) = rule_lines([{"trial_id": "abc", "rules": [rule]}])
    assert dict(zip(columns, row, strict=True))["done"] == done


def test_what_little_time_finished_jobs_took_is_not_shown_as_nothing() -> None:
    counts = {"best": 0.5, "best_trial": "abc", "machine_hours": 0.0025, "saved_hours": 1.5}
    assert counts_line(counts) == "best completed 0.5 (abc), finished jobs took 9 s of machine time"


def test_the_list_counts_what_is_over(store: MemoryStore) -> None:
    store.add_trials([a_trial(1), a_trial(2, state=TrialState.FAILED), a_trial(3, state=TrialState.STOPPED)])
    (row,) = summaries(store)
    assert (row["trials"], row["finished"], row["failed"], row["stopped"]) == (4, 3, 1, 1)
    assert row["objective"] == "minimize validation:error"


@pytest.mark.parametrize("damage", [{"objective": 5}, {"objective": {"direction": "minimize"}}, {"owner": ["ada"]}])
def test_a_damaged_spec_leaves_the_others_in_the_list(store: MemoryStore, damage: dict[str, Any]) -> None:
    kept = an_experiment(RUNNING)
    store.put_experiment(replace(kept, name="hurt", document={**kept.document, **damage}))
    told = {row["experiment"]: (row["owner"], row["objective"]) for row in summaries(store)}
    assert told["blobs"][1] == "minimize validation:error"
    assert told["hurt"][0] is None


def test_a_trial_is_over_for_the_demo_once_its_rules_are(store: MemoryStore) -> None:
    done = replace(RUNNING, state=TrialState.COMPLETED)
    store.update_trial(done, expected=RUNNING)
    store.put_rule_evaluation(_evaluation("InProgress"))
    assert not observe(store, "blobs")[0].finished
    store.put_rule_evaluation(_evaluation("NoIssuesFound"))
    assert observe(store, "blobs")[0].finished


def test_people_see_what_sets_trials_apart_and_why_one_failed(store: MemoryStore) -> None:
    reason = (
        "AlgorithmError: ExecuteUserScriptError:\nTraceback (most recent call last):\nKeyError: 'x'\n, exit code: 1"
    )
    failed = replace(a_trial(1, state=TrialState.FAILED), reason=reason)
    shown = [trial_status(store, an_experiment(RUNNING), trial) for trial in (RUNNING, failed)]
    columns, lines = trial_lines({"objective": {"metric": "validation:error"}, "trials": shown})
    running, other = (dict(zip(columns, line, strict=True)) for line in lines)
    varied = {name for name, value in RUNNING.hyperparameters.items() if failed.hyperparameters[name] != value}
    assert varied
    assert set(columns) == {"index", "trial", "state", "validation:error", "seconds", "cause"} | varied
    assert (running["state"], running["cause"]) == ("running (training)", None)
    assert (other["state"], other["cause"]) == ("failed", "KeyError: 'x'")

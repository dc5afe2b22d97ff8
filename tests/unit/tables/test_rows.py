"""Records become rows: complete, typed, and honest about what is missing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.domain.savings import SavingsRecord
from gridwatch.domain.trials import TrialState
from gridwatch.tables import history_rows, rows, schemas
from gridwatch.tables.facts import Point, TrialFacts
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.tensors.modes import Mode
from tests.unit.tables.facts_of import NOON, STAMP, a_job, a_trial, an_experiment, some_facts

COUNTS = {table.name: 3 for table in schemas.TABLES}
EVALUATION = RuleEvaluationRecord(
    job_name=a_trial().job_name,
    rule_name="loss",
    status="IssuesFound",
    details="loss rose at step 12",
    finding={"step": 12, "tensor": "train-logloss", "observed": 1.5, "threshold": 5, "sentence": "rose by 50 %"},
    updated_at=NOON,
)
REACTION = ReactionRecord(
    job_name=a_trial().job_name,
    rule_name="loss",
    experiment="blobs",
    trial_id=a_trial().trial_id,
    action="stop",
    reason="the spec asks for it",
    outcome="stop requested",
    alert_id="alert-1",
    finding=EVALUATION.finding,
    decided_at=NOON,
)


def test_every_table_gets_rows_with_exactly_its_columns() -> None:
    facts = some_facts(a_trial())
    found = replace(facts.trials[0], evaluations=(EVALUATION,), reactions=(REACTION,))
    facts = replace(facts, trials=(found,))
    point = Point("train-logloss", "TRAIN", 2, 0.5, NOON)
    by_table: dict[schemas.Table, Iterable[rows.Row]] = {
        schemas.EXPERIMENTS: [rows.experiment_row(facts, STAMP, COUNTS)],
        schemas.TRIALS: rows.trial_rows(facts, STAMP),
        schemas.PARAMETERS: rows.parameter_rows(facts, STAMP),
        schemas.FINAL_METRICS: rows.final_metric_rows(facts, STAMP),
        schemas.METRICS: rows.metric_rows(facts.trials[0].trial, [point], STAMP),
        schemas.RULE_EVALUATIONS: rows.rule_evaluation_rows(facts, STAMP),
        schemas.FINDINGS: rows.finding_rows(facts, STAMP),
        schemas.ARTIFACTS: history_rows.artifact_rows(facts, STAMP),
        schemas.EVENTS: history_rows.event_rows(facts, STAMP),
    }
    assert set(by_table) == set(schemas.TABLES)
    for table, made in by_table.items():
        for row in (made := list(made)):
            assert tuple(row) == table.column_names
        assert made, table.name


def test_a_trial_row_says_what_the_job_logged_and_how_long_it_trained() -> None:
    (row,) = rows.trial_rows(some_facts(a_trial(3)), STAMP)
    assert (row["objective_metric"], row["objective_value"]) == ("validation:error", 0.13)
    assert row["training_seconds"] == 30.0
    assert json.loads(row["hyperparameters"]) == {"max_depth": 5, "eta": 0.2, "objective": "binary:logistic"}
    assert (row["snapshot_id"], row["as_of"]) == (STAMP.snapshot_id, STAMP.as_of)


def test_parameters_keep_numbers_as_numbers_and_everything_as_text() -> None:
    trial = a_trial(hyperparameters={"eta": 0.2, "verbose": True, "objective": "binary:logistic", "levels": [1, 2]})
    made = {
        row["name"]: (row["value_double"], row["value_string"]) for row in rows.parameter_rows(some_facts(trial), STAMP)
    }
    assert made == {
        "eta": (0.2, "0.2"),
        "verbose": (None, "true"),
        "objective": (None, "binary:logistic"),
        "levels": (None, "[1, 2]"),
    }


def test_a_rule_without_a_recorded_status_still_has_its_row() -> None:
    (row,) = rows.rule_evaluation_rows(some_facts(a_trial()), STAMP)
    assert (row["rule_name"], row["rule"], row["on_issue"], row["status"]) == (
        "loss",
        "LossNotDecreasing",
        "stop",
        None,
    )


def test_a_recorded_rule_that_the_job_was_not_launched_under_is_not_dropped() -> None:
    facts = some_facts(a_trial())
    managed = replace(EVALUATION, rule_name="Overfit", status="NoIssuesFound", finding=None)
    facts = replace(facts, trials=(replace(facts.trials[0], evaluations=(managed,)),))
    statuses = {row["rule_name"]: row["status"] for row in rows.rule_evaluation_rows(facts, STAMP)}
    assert statuses == {"Overfit": "NoIssuesFound", "loss": None}


def test_a_finding_carries_its_values_and_what_was_done() -> None:
    facts = some_facts(a_trial())
    facts = replace(facts, trials=(replace(facts.trials[0], evaluations=(EVALUATION,), reactions=(REACTION,)),))
    (row,) = rows.finding_rows(facts, STAMP)
    assert (row["step"], row["tensor"], row["observed"], row["threshold"]) == (12, "train-logloss", 1.5, 5.0)
    assert row["details"] == "rose by 50 %"
    assert (row["rule"], row["action"], row["outcome"]) == ("LossNotDecreasing", "stop", "stop requested")


def test_what_is_not_finite_in_a_finding_is_a_number_in_its_row() -> None:
    facts = some_facts(a_trial())
    finding = Finding(rule="MetricNonFinite", step=4, mode=Mode.TRAIN, sentence="loss is nan", observed=math.nan)
    evaluation = replace(EVALUATION, finding=finding.as_json())
    facts = replace(facts, trials=(replace(facts.trials[0], evaluations=(evaluation,)),))
    (row,) = rows.finding_rows(facts, STAMP)
    assert math.isnan(row["observed"])


def test_a_finding_nobody_has_reacted_to_yet_has_a_row_without_action() -> None:
    facts = some_facts(a_trial())
    facts = replace(facts, trials=(TrialFacts(trial=a_trial(), job=a_job(a_trial()), evaluations=(EVALUATION,)),))
    (row,) = rows.finding_rows(facts, STAMP)
    assert (row["step"], row["action"], row["outcome"]) == (12, None, None)


def test_a_reaction_to_a_managed_rule_has_a_row_without_values() -> None:
    facts = some_facts(a_trial())
    managed = replace(REACTION, rule_name="Overfit", finding=None)
    facts = replace(facts, trials=(replace(facts.trials[0], reactions=(managed,)),))
    (row,) = rows.finding_rows(facts, STAMP)
    assert (row["rule_name"], row["step"], row["outcome"]) == ("Overfit", None, "stop requested")


@pytest.mark.parametrize("state", list(TrialState))
def test_an_experiment_is_complete_once_every_trial_is_over(state: TrialState) -> None:
    facts = some_facts(a_trial(0), a_trial(1, state=state))
    row = rows.experiment_row(facts, STAMP, COUNTS)
    assert row["complete"] is state.is_finished
    states = ("waiting", "active", "completed", "failed", "stopped", "unlaunched")
    assert (row["trial_count"], sum(row[f"{name}_count"] for name in states), row["metric_count"]) == (2, 2, 3)
    assert (row["incomplete_reason"] is None) is state.is_finished


def test_curves_that_could_not_be_read_make_trial_and_experiment_incomplete() -> None:
    facts = some_facts(a_trial(), read=False)
    (row,) = rows.trial_rows(facts, STAMP)
    whole = rows.experiment_row(facts, STAMP, COUNTS)
    assert (row["complete"], whole["complete"]) == (False, False)
    assert whole["incomplete_reason"] == "1 job has metrics that were not read to their end"


def test_a_rule_still_in_progress_makes_a_finished_trial_incomplete() -> None:
    facts = some_facts(a_trial())
    running = replace(EVALUATION, status="InProgress", finding=None)
    facts = replace(facts, trials=(replace(facts.trials[0], evaluations=(running,)),))
    (row,) = rows.trial_rows(facts, STAMP)
    assert row["complete"] is False


def test_a_trial_that_is_not_on_record_yet_makes_the_experiment_incomplete() -> None:
    facts = some_facts(a_trial(0))
    facts = replace(facts, record=an_experiment(a_trial(0), a_trial(1)))
    row = rows.experiment_row(facts, STAMP, COUNTS)
    assert (row["complete"], row["incomplete_reason"]) == (False, "1 trial of the spec is not on record yet")


def test_times_that_are_not_known_stay_unknown() -> None:
    trial = a_trial(state=TrialState.RUNNING, ended_at=None, final_metrics={})
    (row,) = rows.trial_rows(some_facts(trial), STAMP)
    assert (row["training_seconds"], row["objective_value"], row["complete"]) == (None, None, False)
    assert row["started_at"] == NOON + timedelta(minutes=1)


def test_under_shadow_a_finding_is_compared_with_what_became_of_the_job() -> None:
    """The rule would have stopped the trial that ended best of all: it should not go live as it is."""
    savings = SavingsRecord(
        seconds=600.0, cost=0.5, currency="USD", method="progress", price_per_hour=3.0, price_source="a test"
    )
    shadow = replace(REACTION, action="would stop", outcome="not stopped", savings=savings)
    ended = shadow.decided_at + timedelta(seconds=90)
    best, worse = a_trial(0, ended_at=ended), a_trial(1)
    facts = some_facts(best, worse)
    first = replace(facts.trials[0], evaluations=(EVALUATION,), reactions=(shadow,))
    (row,) = rows.finding_rows(replace(facts, trials=(first, facts.trials[1])), STAMP)
    assert (row["shadow"], row["action"]) == (True, "would stop")
    assert (row["job_status"], row["job_seconds_after"]) == ("Completed", 90.0)
    assert (row["job_objective"], row["job_was_best"]) == (0.1, True)
    assert (row["saved_seconds"], row["saved_cost"], row["saved_method"]) == (600.0, 0.5, "progress")


def test_a_job_that_ended_worse_than_others_was_not_the_best() -> None:
    facts = some_facts(a_trial(0), a_trial(1))
    second = replace(facts.trials[1], evaluations=(EVALUATION,), reactions=(REACTION,))
    (row,) = rows.finding_rows(replace(facts, trials=(facts.trials[0], second)), STAMP)
    assert (row["job_was_best"], row["shadow"], row["saved_cost"]) == (False, False, None)

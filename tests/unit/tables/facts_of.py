"""Facts about experiments, for the tests of the tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.rules import Action, RulePolicy
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.tables.facts import CurveCount, ExperimentFacts, Stamp, TrialFacts

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAMP = Stamp("20260301T130000Z-abcd1234", NOON + timedelta(hours=1))
LOSS_RULE = RulePolicy(name="loss", rule="LossNotDecreasing", parameters={"num_steps": 2}, on_issue=Action.STOP)


def a_trial(index: int = 0, *, experiment: str = "blobs", **changes: object) -> TrialRecord:
    values: dict[str, object] = {
        "experiment": experiment,
        "trial_id": f"{index:010x}",
        "index": index,
        "attempt": 1,
        "state": TrialState.COMPLETED,
        "job_name": f"gridwatch-{experiment}-{index:010x}-1",
        "hyperparameters": {"max_depth": 2 + index, "eta": 0.2, "objective": "binary:logistic"},
        "created_at": NOON,
        "updated_at": NOON + timedelta(minutes=2),
        "status": "Completed",
        "started_at": NOON + timedelta(minutes=1),
        "ended_at": NOON + timedelta(minutes=1, seconds=30),
        "billable_seconds": 31,
        "instance_type": "ml.m5.large",
        "instance_count": 1,
        "final_metrics": {"validation:error": 0.1 + index / 100, "validation:logloss": 0.5},
        **changes,
    }
    return TrialRecord(**values)  # type: ignore[arg-type]


def an_experiment(*trials: TrialRecord, direction: str = "minimize", **changes: object) -> ExperimentRecord:
    values: dict[str, object] = {
        "name": "blobs",
        "spec_key": "experiments/blobs.yaml",
        "spec_version": "v1",
        "uploaded_at": NOON,
        "document": {
            "hypothesis": {"text": "Shallow trees suffice."},
            "owner": "ada@example.org",
            "team": "trees",
            "objective": {"metric": "validation:error", "direction": direction},
        },
        "template": {},
        "policies": (LOSS_RULE,),
        "trial_ids": tuple(trial.trial_id for trial in trials),
        "parallel_jobs": 4,
        "created_at": NOON,
        "updated_at": NOON,
        **changes,
    }
    return ExperimentRecord(**values)  # type: ignore[arg-type]


def a_job(trial: TrialRecord) -> JobRecord:
    return JobRecord(
        job_name=trial.job_name,
        experiment=trial.experiment,
        trial_id=trial.trial_id,
        attempt=trial.attempt,
        policies=(LOSS_RULE,),
        hyperparameters=trial.hyperparameters,
        objective_metric="validation:error",
        objective_direction="minimize",
    )


def some_facts(*trials: TrialRecord, direction: str = "minimize", read: bool = True) -> ExperimentFacts:
    return ExperimentFacts(
        record=an_experiment(*trials, direction=direction),
        trials=tuple(TrialFacts(trial=trial, job=a_job(trial)) for trial in trials),
        curves={trial.trial_id: CurveCount(points=3, complete=read) for trial in trials},
    )

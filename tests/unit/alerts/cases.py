"""Alerts of every kind as the code makes them, for tests of everything that renders them."""

from __future__ import annotations

from datetime import timedelta

from gridwatch.alerts.collected import Concerned, follow_up, held_back
from gridwatch.alerts.content import spec_rejected, trial_failed
from gridwatch.alerts.debugger_refused import debugger_refused
from gridwatch.alerts.digest import Ended, digest
from gridwatch.alerts.rule_saw_nothing import rule_saw_nothing
from gridwatch.domain.alerts import AlertGate, AlertRecord
from gridwatch.domain.deployments import DebuggerRefusal
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.rules import Action, RulePolicy
from gridwatch.domain.savings import SavingsRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.savings.prices import PriceTable
from gridwatch.storage.report_store import ReportPlace
from gridwatch_rules.judgement.hindsight import Hindsight
from gridwatch_rules.rules.status_change import StatusChange
from gridwatch_rules.status import RuleStatus
from tests.unit.alerts.test_text import JOB, NOW, TRIAL, issue

PRICES = PriceTable(source="test", date="2026-11-01", currency="USD", per_hour={"ml.m5.large": 0.12})

WARY = Hindsight(
    rule="wary", trials=40, stopped=20, seconds=1260.0, top=2, lost=1, best=0.43, best_seen=0.44, without_curves=3
)


def grid() -> list[TrialRecord]:
    """Eight trials; the four with eta 1.0 were stopped, one failed, three completed."""
    states = [TrialState.STOPPED] * 4 + [TrialState.FAILED] + [TrialState.COMPLETED] * 3
    return [
        TrialRecord(
            experiment="blobs", trial_id=f"{index:010x}", index=index, attempt=1, state=state,
            job_name=f"gridwatch-blobs-{index:010x}-1",
            hyperparameters={"eta": 1.0 if index < 4 else 0.1, "depth": index},
            created_at=NOW, updated_at=NOW, instance_type="ml.m5.large", instance_count=1,
            started_at=NOW + timedelta(minutes=index), ended_at=NOW + timedelta(minutes=30 + index),
            billable_seconds=1800, final_metrics={"validation:error": 0.5 - index / 100},
        )
        for index, state in enumerate(states)
    ]  # fmt: skip


def reactions() -> list[ReactionRecord]:
    savings = SavingsRecord(
        seconds=5400, cost=0.18, currency="USD", method="progress: 1 of 4 rounds", price_per_hour=0.12, price_source="t"
    )
    return [
        ReactionRecord(
            job_name=trial.job_name, rule_name="loss", experiment="blobs", trial_id=trial.trial_id, action="stop",
            reason="r", outcome="stop requested", alert_id=None, finding=None, decided_at=NOW, savings=savings,
        )
        for trial in grid()[:4]
    ]  # fmt: skip


def experiment() -> ExperimentRecord:
    return ExperimentRecord(
        name="blobs", spec_key="experiments/blobs.yaml", spec_version="v1", uploaded_at=NOW,
        document={"objective": {"metric": "validation:error", "direction": "minimize"}}, template={},
        policies=(RulePolicy(name="loss", rule="LossNotDecreasing", on_issue=Action.STOP),),
        trial_ids=tuple(trial.trial_id for trial in grid()), parallel_jobs=4, created_at=NOW, updated_at=NOW,
    )  # fmt: skip


def diverged() -> list[AlertRecord]:
    return [
        AlertRecord(
            alert_id=f"rule_issue-{trial.trial_id}", experiment="blobs", kind="rule_issue", created_at=NOW,
            content=issue().content | {"title": f"Stopped blobs/{trial.trial_id}: loss"}, trial_id=trial.trial_id,
            cause="IssuesFound blobs loss",
        )
        for trial in grid()[:4]
    ]  # fmt: skip


def gate(gate_id: str) -> AlertGate:
    return AlertGate(gate_id=gate_id, opened_at=NOW, closes_at=NOW + timedelta(minutes=5))


def cases() -> dict[str, AlertRecord]:
    rejected = spec_rejected(
        spec_key="experiments/a.yaml", spec_version="v", total=1, answer_key="status/experiments/a.yaml.error.json",
        problems=["line 3: grid.eta: empty", "  allowed: numbers"], now=NOW,
    )  # fmt: skip
    first, *more = diverged()
    concerned = Concerned(collected=more, before=[first], trials=grid())
    return {
        "stopped": issue(),
        "debugger_refused": debugger_refused(
            DebuggerRefusal(
                account="123456789012",
                region="eu-west-1",
                at=NOW,
                words="Debugger is not available to this account.",
                code="ValidationException",
                job_name="gridwatch-blobs-0a1b2c3d4e-1",
                experiment="blobs",
            )
        ),
        "rule_saw_nothing": rule_saw_nothing(
            job=JOB,
            upload="v1",
            change=StatusChange(
                "loss",
                RuleStatus.SAW_NOTHING,
                "LossNotDecreasing looks for a loss; there was only validation-auc at 5 steps",
            ),
            now=NOW,
        ),
        "trial_failed": trial_failed(trial=TRIAL, now=NOW),
        "spec_rejected": rejected,
        "follow_up": follow_up(gate("cause IssuesFound blobs loss"), concerned, NOW),
        "held_back": held_back(gate("quiet"), [rejected, *more], NOW),
        "digest": digest(
            Ended(
                experiment=experiment(),
                trials=grid(),
                reactions=reactions(),
                held=[rejected],
                report=ReportPlace(
                    "artifacts",
                    "reports/experiments/blobs.html",
                    "ASHA would have saved 39 % of the training time and killed none of the best trials; "
                    "GridDefault saves 0 % and kills 0 %",
                ),
                shadows=[WARY],
            ),
            PRICES,
            NOW,
        ),
    }

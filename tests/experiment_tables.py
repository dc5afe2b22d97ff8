"""Tables of made-up experiments, written as a snapshot writes them."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.domain.savings import SavingsRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.savings.prices import PriceTable
from gridwatch.tables import rows, schemas
from gridwatch.tables.facts import CurveCount, ExperimentFacts, Point, TrialFacts
from gridwatch.tables.parquet import write_parquet
from tests.unit.tables.facts_of import NOON, STAMP, a_job, a_trial, an_experiment

METRIC = "validation-error"
PRICES = PriceTable(source="a list", date="2026-01-01", currency="USD", per_hour={"ml.m5.large": 3.6})
_GRID: Mapping[str, Sequence[Any]] = {
    "max_depth": (2, 4, 6, 8, 10),
    "eta": (0.001, 0.01, 0.1, 0.3),
    "subsample": (0.5, 0.7, 0.8, 0.9, 1.0),
    "booster": ("gbtree", "dart"),
    "lambda": (0.1, 1, 10, 100, 1000),
}


@dataclass(frozen=True)
class MadeUp:
    """A made-up experiment. `failed`: each second trial failed. Trials learn worse the further from depth 6 and eta 0.1
    they are.
    """

    trials: int
    steps: int
    failed: bool = False
    findings: bool = True
    seed: int = 7
    document: Mapping[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> dict[str, Path]:
        """Write the tables; returns the files by table."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = self.facts()
        written = {
            schemas.TRIALS: list(rows.trial_rows(facts, STAMP)),
            schemas.PARAMETERS: list(rows.parameter_rows(facts, STAMP)),
            schemas.RULE_EVALUATIONS: list(rows.rule_evaluation_rows(facts, STAMP)),
            schemas.FINDINGS: list(rows.finding_rows(facts, STAMP)),
            schemas.METRICS: list(self._metric_rows(facts)),
        }
        counts = {table.name: len(written.get(table, ())) for table in schemas.TABLES}
        written[schemas.EXPERIMENTS] = [rows.experiment_row(facts, STAMP, counts)]
        for table, its_rows in written.items():
            write_parquet(table, its_rows, folder / f"{table.name}.parquet")
        return {table.name: folder / f"{table.name}.parquet" for table in written}

    def facts(self) -> ExperimentFacts:
        points = [dict(zip(_GRID, values, strict=True)) for values in product(*_GRID.values())]
        trials = [self._trial(index, points[index % len(points)]) for index in range(self.trials)]
        document = {
            "hypothesis": {"text": "Depth beyond 6 does not pay.", "expression": "best.max_depth <= 6"},
            "owner": "ada@example.org",
            "team": "trees",
            "objective": {"metric": METRIC, "direction": "minimize"},
            **self.document,
        }
        return ExperimentFacts(
            record=replace(an_experiment(*trials), document=document),
            trials=tuple(self._trial_facts(trial) for trial in trials),
            prices=PRICES,
            curves={trial.trial_id: CurveCount(points=2 * self.steps, complete=True) for trial in trials},
        )

    def _trial(self, index: int, parameters: Mapping[str, Any]) -> TrialRecord:
        started = NOON + timedelta(minutes=index)
        last = self.curve(index, parameters)
        state, status = TrialState.COMPLETED, "Completed"
        if self.failed and index % 2:
            state, status, last = TrialState.FAILED, "Failed", []
        elif self._is_stopped(index):
            state, status = TrialState.STOPPED, "Stopped"
        return a_trial(
            index,
            state=state,
            status=status,
            reason="AlgorithmError: <the disk> & the data were full" if status == "Failed" else None,
            hyperparameters={**parameters, "num_round": self.steps, "seed": 7},
            started_at=started,
            ended_at=started + timedelta(seconds=10 + self.steps / 2),
            billable_seconds=10 + self.steps // 2,
            final_metrics={METRIC: last[-1][1]} if last else {},
        )

    def _is_stopped(self, index: int) -> bool:
        return self.findings and index % 7 == 3

    def curve(self, index: int, parameters: Mapping[str, Any]) -> list[tuple[int, float]]:
        noise = random.Random(self.seed * 100_003 + index)
        bad = 0.08 * abs(parameters["max_depth"] - 6) / 4 + 0.1 * abs(math.log10(parameters["eta"] / 0.1))
        steps = self.steps // 3 if self._is_stopped(index) else self.steps
        final = 0.05 + bad + noise.gauss(0, 0.01)
        rate = 3 + 10 * parameters["eta"]
        curve = [
            (step, max(0.001, final + 0.4 * math.exp(-rate * step / self.steps) + noise.gauss(0, 0.004)))
            for step in range(steps)
        ]
        if index % 50 == 49:  # one that diverged
            curve = [(step, value * 1.5**step if step < 40 else math.nan) for step, value in curve]
        return curve

    def _trial_facts(self, trial: TrialRecord) -> TrialFacts:
        if not self._is_stopped(trial.index) or trial.state is TrialState.FAILED:
            return TrialFacts(trial=trial, job=a_job(trial))
        step = max(0, self.steps // 3 - 1)
        finding = {
            "step": step, "tensor": METRIC, "observed": 0.3, "threshold": 0.29, "sentence": f"{METRIC} <stands still>."
        }  # fmt: skip
        evaluation = RuleEvaluationRecord(
            job_name=trial.job_name, rule_name="loss", status="IssuesFound", details="d", finding=finding,
            updated_at=NOON,
        )  # fmt: skip
        reaction = ReactionRecord(
            job_name=trial.job_name, rule_name="loss", experiment=trial.experiment, trial_id=trial.trial_id,
            action="stop", reason="the spec asks for it", outcome="stop requested", alert_id=None, finding=finding,
            decided_at=NOON, savings=SavingsRecord(seconds=600, cost=0.02, currency="USD", method="rounds left",
                                                   price_per_hour=0.115, price_source="list"),
        )  # fmt: skip
        return TrialFacts(trial=trial, job=a_job(trial), evaluations=(evaluation,), reactions=(reaction,))

    def _metric_rows(self, facts: ExperimentFacts) -> Iterator[rows.Row]:
        for each in facts.trials:
            if each.trial.state is TrialState.FAILED and each.trial.index % 4 == 3:
                continue  # it failed before it trained
            curve = self.curve(each.trial.index, each.trial.hyperparameters)
            points = [
                Point(name, "GLOBAL", step, value * share, None)
                for step, value in curve
                for name, share in ((METRIC, 1.0), ("train-error", 0.7))
            ]
            yield from rows.metric_rows(each.trial, points, STAMP)

"""What can be seen of an experiment at one moment, for its progress lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gridwatch.domain.trials import TrialRecord
from gridwatch.state.job_records import NOTHING, JobRecords, records_of_trials
from gridwatch.state.store import StateStore
from gridwatch_rules.status import is_final


@dataclass(frozen=True, slots=True)
class TrialView:
    """One trial's line: `rules` is the status by rule, `done` what was done about an issue.

    `finished`: the job is over and every rule has said its last word.
    """

    name: str
    state: str
    finished: bool
    metrics: Mapping[str, float]
    rules: Mapping[str, str]
    done: Sequence[str]

    def words(self) -> str:
        """Everything but the name, as one line."""
        metrics = "  ".join(f"{name} {value:.4f}" for name, value in sorted(self.metrics.items()))
        rules = ", ".join(f"{rule}: {status}" for rule, status in self.rules.items())
        return "  ".join(part for part in (f"{self.state:<10}", metrics, rules, *self.done) if part)


def observe(store: StateStore, experiment: str) -> list[TrialView]:
    """Every trial of the experiment as it stands; empty while it is not on record."""
    record = store.get_experiment(experiment)
    if record is None:
        return []
    trials = store.list_trials(experiment)
    # Looked at several times a second: no question is asked whose answer is known.
    records = records_of_trials(store, trials) if record.policies else {}
    return [_view(trial, records.get(trial.job_name, NOTHING)) for trial in trials]


def _view(trial: TrialRecord, records: JobRecords) -> TrialView:
    return TrialView(
        name=f"{trial.experiment} {trial.index + 1}",
        state=trial.state.value if trial.state.is_finished else (trial.secondary_status or trial.state.value).lower(),
        finished=trial.state.is_finished and all(is_final(each.status) for each in records.evaluations),
        metrics=trial.final_metrics,
        rules={each.rule_name: each.status for each in records.evaluations},
        done=[f"-> {reaction.action}: {reaction.outcome or 'under way'}" for reaction in records.reactions],
    )

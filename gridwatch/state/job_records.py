"""What is recorded of one job: the job itself, what its rules came to, and what was done about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.domain.trials import TrialRecord


@dataclass(frozen=True, slots=True)
class JobRecords:
    """`job` is None when nothing that can be read is recorded of it. Rules and reactions are by the rule's name."""

    job: JobRecord | None = None
    evaluations: tuple[RuleEvaluationRecord, ...] = ()
    reactions: tuple[ReactionRecord, ...] = ()


class ReadsJobs(Protocol):
    """The part of `gridwatch.state.store.StateStore` that is needed here."""

    def records_of_jobs(self, experiment: str, job_names: Iterable[str]) -> Mapping[str, JobRecords]: ...


NOTHING = JobRecords()


def records_of_trials(store: ReadsJobs, trials: Iterable[TrialRecord]) -> Mapping[str, JobRecords]:
    """What is recorded of the latest jobs of these trials, by job name, for every one of them; the trials are of one
    experiment. It is read by the page, never by the trial.
    """
    every = list(trials)
    if not every:
        return {}
    found = store.records_of_jobs(every[0].experiment, [trial.job_name for trial in every if trial.may_have_job])
    return {trial.job_name: found.get(trial.job_name, NOTHING) for trial in every}

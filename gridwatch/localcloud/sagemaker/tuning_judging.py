"""Decides when a tuning job ends before all of its jobs were launched, and which jobs are stopped early.

Early stopping is the median rule of "Stop Training Jobs Early" (SageMaker developer guide): a job is stopped when its
best value so far is worse than the median of the completed jobs' running averages up to the same report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from gridwatch.localcloud.sagemaker.records import TrainingJob
from gridwatch.localcloud.sagemaker.tuning_records import TuningJob, series_of, value_of

_IMPROVEMENT = 0.01  # of the best value: less is none
_COMPLETED_FIRST = 2  # jobs, before any is compared with them


@dataclass(frozen=True, slots=True)
class Verdict:
    over: bool
    not_improving: int
    hopeless: Sequence[TrainingJob]


@dataclass(slots=True)
class Judging:
    """Looks at a tuning job again and again. ``seen`` are the completed jobs that were counted, in that order."""

    tuning: TuningJob
    began: float
    seen: list[str] = field(default_factory=list)
    best: float | None = None
    not_improving: int = 0

    def look(self, tuning: TuningJob, jobs: Mapping[str, TrainingJob], now: float) -> Verdict:
        self._count(tuning, jobs)
        return Verdict(self._over(now), self.not_improving, list(self._hopeless(tuning, jobs)))

    def _count(self, tuning: TuningJob, jobs: Mapping[str, TrainingJob]) -> None:
        for child in tuning.children:
            job = jobs[child.name]
            if job.status != "Completed" or job.name in self.seen:
                continue
            self.seen.append(job.name)
            value = value_of(tuning, child, job)
            if value is None:
                continue
            better = self.best is None or self._gain(value) > _IMPROVEMENT * abs(self.best)
            self.not_improving = 0 if better else self.not_improving + 1
            self.best = value if self.best is None or self._gain(value) > 0 else self.best

    def _gain(self, value: float) -> float:
        """How much better than the best; below 0 it is worse."""
        gain = value - (self.best or 0.0)
        return gain if self._maximize else -gain

    @property
    def _maximize(self) -> bool:
        return self.tuning.objective(self.tuning.definitions[0])["Type"] == "Maximize"

    @property
    def _criteria(self) -> Mapping[str, Any]:
        criteria: Mapping[str, Any] = self.tuning.config.get("TuningJobCompletionCriteria", {})
        return criteria

    def _over(self, now: float) -> bool:
        target = self._criteria.get("TargetObjectiveMetricValue")
        longest = self.tuning.config["ResourceLimits"].get("MaxRuntimeInSeconds")
        most = self._criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
        reached = target is not None and self.best is not None and (
            self.best >= target if self._maximize else self.best <= target
        )  # fmt: skip
        return (
            reached
            or (most is not None and self.not_improving >= most)
            or (longest is not None and now - self.began >= longest)
        )

    def _hopeless(self, tuning: TuningJob, jobs: Mapping[str, TrainingJob]) -> list[TrainingJob]:
        if tuning.config.get("TrainingJobEarlyStoppingType") != "Auto":
            return []
        series = {child.name: series_of(tuning, child, jobs[child.name]) for child in tuning.children}
        completed = [series[name] for name in self.seen if series[name]]
        if len(completed) < _COMPLETED_FIRST:
            return []
        running = [jobs[child.name] for child in tuning.children if jobs[child.name].status == "InProgress"]
        return [job for job in running if series[job.name] and self._is_worse(series[job.name], completed)]

    def _is_worse(self, mine: Sequence[float], completed: Sequence[Sequence[float]]) -> bool:
        reports = len(mine)
        usual = median(sum(each[:reports]) / len(each[:reports]) for each in completed)
        best = max(mine) if self._maximize else min(mine)
        return best < usual if self._maximize else best > usual

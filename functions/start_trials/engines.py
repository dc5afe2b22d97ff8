"""Decides under which engine a job is created: where a spec says `auto`, Debugger is tried, and a refusal counts as one
of Debugger only when SageMaker accepts the same request without its Debugger fields.

That second request carries all that Gridwatch's own rules need, because it creates the job: nothing runs without its
rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gridwatch.alerts.debugger_refused import debugger_refused
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.domain.deployments import DebuggerRefusal
from gridwatch.domain.descriptions import JobDescription
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.trials import TrialRecord
from gridwatch.launch.debugger_access import refused_now, under_own_engine
from gridwatch.launch.hook import log_repeats_hook
from gridwatch.launch.request import managed_rules
from gridwatch.state.accepted_spec import spec_of
from gridwatch.state.store import StateStore
from gridwatch.state.unreadable import if_readable
from gridwatch.storage.layout import TENSOR_PREFIX, s3_uri
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import NameTakenError, PermanentError
from gridwatch_rules.tensors.metric_definition import LogMetric

_OUR_OWN = "ParamValidation"  # what never reached SageMaker says nothing about the account


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the ways in which a trial's job may be created: the template of its request, and what is recorded."""

    template: Mapping[str, Any]
    job: JobRecord


@dataclass(slots=True, kw_only=True)
class Engines:
    """Chooses engines. `tries` is False through a queue of AWS Batch, where SageMaker's answer comes too late for a
    second try.
    """

    store: StateStore
    alerts: AlertOutbox
    clock: Clock
    artifacts_bucket: str
    tries: bool = True
    _known: list[DebuggerRefusal | None] = field(default_factory=list)

    def first(self, trial: TrialRecord, experiment: ExperimentRecord) -> Variant:
        """The variant to try first; Gridwatch's where Debugger was refused before."""
        if experiment.engine == "auto" and (not self.tries or self._refused()):
            return self.own(trial, experiment)
        return Variant(experiment.template, job_record(trial, experiment, self.artifacts_bucket))

    def second(self, trial: TrialRecord, experiment: ExperimentRecord, error: PermanentError) -> Variant | None:
        """The variant to try after SageMaker refused the first for good; None when that was the answer."""
        other = isinstance(error, NameTakenError) or error.code == _OUR_OWN
        if experiment.engine != "auto" or other or not self.tries or self._refused():
            return None
        return self.own(trial, experiment)

    def own(self, trial: TrialRecord, experiment: ExperimentRecord) -> Variant:
        plain = under_own_engine(experiment)
        return Variant(plain.template, job_record(trial, plain, self.artifacts_bucket))

    def as_it_is(self, trial: TrialRecord, job: JobDescription) -> None:
        """Record the engine of a job that some former call created."""
        kept, experiment = self.store.get_job(trial.job_name), self.store.get_experiment(trial.experiment)
        if kept is None or experiment is None or experiment.engine != "auto":
            return
        if (kept.engine == "debugger") is not job.debugger:
            found = experiment if job.debugger else under_own_engine(experiment)
            known = job_record(trial, found, self.artifacts_bucket)
            self.store.put_job(replace(known, components=kept.components))

    def learn(self, trial: TrialRecord, arn: str, error: PermanentError) -> None:
        """Record that SageMaker accepted the job without Debugger after refusing it with Debugger."""
        _, _, _, region, account, *_ = arn.split(":")
        refusal = DebuggerRefusal(
            account=account,
            region=region,
            at=self.clock.now(),
            words=str(error),
            code=error.code,
            job_name=trial.job_name,
            experiment=trial.experiment,
        )
        self.store.put_debugger_refusal(refusal)
        self._known[:] = [refusal]
        self.alerts.ask(debugger_refused(refusal))

    def _refused(self) -> bool:
        """Whether Debugger was refused: read once in a round, and only when a spec asks for it."""
        if not self._known:
            self._known.append(if_readable(self.store.get_debugger_refusal))
        return refused_now(self._known[0], self.clock.now())


def job_record(trial: TrialRecord, experiment: ExperimentRecord, artifacts_bucket: str) -> JobRecord:
    """The job's record, written before the job is created. An engine that is still open is recorded as Debugger's,
    which is tried.
    """
    spec, template = spec_of(experiment), experiment.template
    objective = spec.stated_objective
    return JobRecord(
        job_name=trial.job_name,
        experiment=trial.experiment,
        trial_id=trial.trial_id,
        attempt=trial.attempt,
        policies=experiment.policies,
        hyperparameters=trial.hyperparameters,
        objective_metric=objective.metric,
        objective_direction=objective.direction,
        log_metrics=_log_metrics(template),
        log_apart=True,
        log_repeats_hook=log_repeats_hook(spec),
        tensors_uri=_tensors_elsewhere(template, trial.job_name, artifacts_bucket),
        managed_rules=managed_rules(template) > 0,
        engine="gridwatch" if experiment.engine == "gridwatch" else "debugger",
        fingerprint=experiment.fingerprint,
    )


def _tensors_elsewhere(template: Mapping[str, Any], job_name: str, artifacts_bucket: str) -> str | None:
    place = template.get("DebugHookConfig", {}).get("S3OutputPath")
    usual = s3_uri(artifacts_bucket, TENSOR_PREFIX.rstrip("/"))
    return None if place in (None, usual) else f"{place}/{job_name}/debug-output"


def _log_metrics(template: Mapping[str, Any]) -> tuple[LogMetric, ...]:
    """The metrics that are read from the job's log; none for a built-in algorithm, whose expressions only SageMaker
    knows.
    """
    definitions = template["AlgorithmSpecification"].get("MetricDefinitions", ())
    return tuple(LogMetric(name=definition["Name"], regex=definition["Regex"]) for definition in definitions)

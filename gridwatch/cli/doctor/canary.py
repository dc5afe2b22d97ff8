"""The canary: an experiment of one tiny job through a deployment, with the time of each phase; its objects on S3 are
removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gridwatch.cli.artifacts import artifact_keys, delete_objects
from gridwatch.cli.context import Cloud
from gridwatch.cli.doctor.checks import Check, Result, looked
from gridwatch.cli.teardown import Teardown, entities_of, own_trials
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.storage import layout

_POLL_SECONDS = 1.0
_CALLS_PER_SECOND = 4.0  # to SageMaker, while it is cleaned up
_RULE = "LossNotDecreasing"
_SPEC = """\
name: {name}
objective: {{metric: train-rmse, direction: minimize}}
algorithm: {{name: xgboost, version: 3.2-0}}
data:
  train: {{uri: {name}/train.csv, content_type: text/csv}}
hyperparameters: {{objective: "reg:squarederror", num_round: 10, max_depth: 2}}
resources: {{instance_type: {instance_type}, volume_gb: 5, max_runtime: 10m}}
collect:
  metrics: {{save_interval: 2}}
rules:
  - {{rule: {rule}, parameters: {{collection_names: metrics}}, on_issue: record}}
limits: {{trials: 1, parallel_jobs: 1}}
"""
_DATA = "".join(f"{n % 7},{n},{n * n}\n" for n in range(200))  # the label first, as XGBoost reads it


def canary_checks(cloud: Cloud, instance_type: str, patience: float) -> list[Check]:
    """The checks of a canary. `patience` is the seconds allowed for each phase. The experiment's record and tables
    stay.
    """
    canary = Canary(cloud, f"canary-{cloud.clock.now():%Y%m%d%H%M%S}", patience)
    found = looked("canary", lambda: canary.fly(instance_type))
    return found + looked("canary: cleaned up", canary.clean_up)


@dataclass(slots=True)
class Canary:
    """One run of the canary; `name` is the experiment's."""

    cloud: Cloud
    name: str
    patience: float
    _uploaded: list[str] = field(default_factory=list)

    @property
    def _spec_key(self) -> str:
        return f"{layout.SPEC_PREFIX}{self.name}.yaml"

    def fly(self, instance_type: str) -> Iterator[Check]:
        """A check for each phase, up to the first that does not come."""
        self._put(f"{layout.DATA_PREFIX}{self.name}/train.csv", _DATA)
        self._put(self._spec_key, _SPEC.format(name=self.name, instance_type=instance_type, rule=_RULE))
        phases: list[tuple[str, Callable[[], str | None], str]] = [
            ("accepted", self._accepted, "the log of launch_grid; is EventBridge on at the bucket?"),
            ("launched", self._launched, f"`gridwatch status {self.name}`; the log of start_trials; quotas"),
            ("trained", self._trained, f"`gridwatch status {self.name}`, `gridwatch logs`; the job's log"),
            ("judged", self._judged, "the log of evaluate_rules; is EventBridge on at the artifacts bucket?"),
            ("in the tables", self._in_tables, "the log of snapshot_experiment"),
        ]
        for phase, look, advice in phases:
            check = self._phase(phase, look, advice)
            yield check
            if check.result is Result.FAILED:
                return

    def clean_up(self) -> Iterator[Check]:
        trials = self.cloud.store.list_trials(self.name)
        if active := [trial.job_name for trial in trials if not trial.state.is_finished]:
            found = f"{', '.join(active)} may still train, for ten minutes at most"
            advice = f"`gridwatch stop {self.name}`, then `gridwatch teardown {self.name} --artifacts --yes`"
            yield Check("canary: cleaned up", Result.WARNING, found, advice)
            return
        calls = Teardown(self.cloud.session.client("sagemaker"), self.cloud.clock, _CALLS_PER_SECOND)
        steps = calls.plan(*entities_of(self.cloud, self.name), own=own_trials(self.cloud, self.name))
        for step in steps:
            calls.take(step)
        objects = artifact_keys(self.cloud, self.name)
        delete_objects(self.cloud, objects)
        for key in self._uploaded:
            self.cloud.session.s3.delete_object(Bucket=self.cloud.deployment.experiments_bucket, Key=key)
        found = f"{len(steps)} calls of SageMaker, {len(objects) + len(self._uploaded)} objects; record and tables stay"
        yield Check("canary: cleaned up", Result.OK, found)

    def _put(self, key: str, content: str) -> None:
        self.cloud.session.s3.put_object(
            Bucket=self.cloud.deployment.experiments_bucket, Key=key, Body=content.encode()
        )
        self._uploaded.append(key)

    def _phase(self, phase: str, look: Callable[[], str | None], advice: str) -> Check:
        """Wait for one phase. `look` returns what it found once the phase is reached; a failure begins with
        "failed: ".
        """
        began = self.cloud.clock.now()
        while True:
            told = look()
            took = (self.cloud.clock.now() - began).total_seconds()
            if told is not None:
                result = Result.FAILED if told.startswith("failed: ") else Result.OK
                return Check(
                    f"canary: {phase}", result, f"{told}, after {took:.1f} s", advice if result != "ok" else ""
                )
            if took > self.patience:
                return Check(f"canary: {phase}", Result.FAILED, f"not within {took:.0f} s", advice)
            self.cloud.clock.sleep(_POLL_SECONDS)

    def _accepted(self) -> str | None:
        if self._there(self.cloud.deployment.experiments_bucket, layout.spec_error_key(self._spec_key)):
            return f"failed: the spec was refused, see {layout.spec_error_key(self._spec_key)}"
        return self.name if self.cloud.store.get_experiment(self.name) and self._trial() else None

    def _launched(self) -> str | None:
        trial = self._trial()
        if trial is None or trial.state in (TrialState.WAITING, TrialState.STARTING):
            return None
        if trial.state in (TrialState.REFUSED, TrialState.CANCELLED):
            return f"failed: {trial.state}: {trial.reason}"
        return trial.training_job

    def _trained(self) -> str | None:
        trial = self._trial()
        if trial is None or not trial.state.is_finished:
            return None
        if trial.state is not TrialState.COMPLETED:
            return f"failed: {trial.state}: {trial.reason}"
        return f"{trial.training_job}, {trial.billable_seconds} s billed"

    def _judged(self) -> str | None:
        trial = self._trial()
        found = self.cloud.store.list_rule_evaluations(trial.job_name) if trial else ()
        return ", ".join(f"{each.rule_name}: {each.status}" for each in found) or None

    def _in_tables(self) -> str | None:
        key = layout.table_key("trials", self.name)
        return key if self._there(self.cloud.deployment.artifacts_bucket, key) else None

    def _trial(self) -> TrialRecord | None:
        trials = self.cloud.store.list_trials(self.name)
        return trials[0] if trials else None

    def _there(self, bucket: str, key: str) -> bool:
        listed: Any = self.cloud.session.s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
        return bool(listed.get("KeyCount"))

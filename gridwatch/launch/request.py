"""The CreateTrainingJob request of one trial: its experiment's template, filled in. It needs nothing of the spec."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gridwatch.domain.trials import TrialRecord
from gridwatch.grid.names import trial_entity
from gridwatch.pace import PACE_KEY, Pace
from gridwatch.spec.rule_actions import ACTIONS, with_job_name
from gridwatch.storage.layout import (
    HOOK_CONFIG_KEY,
    HOOK_OFF_KEY,
    TENSORS_KEY,
    checkpoint_prefix,
    s3_uri,
    tensor_prefix,
)

PREFIX_TAG = "gridwatch:prefix"
EXPERIMENT_TAG = "gridwatch:experiment"
TRIAL_TAG = "gridwatch:trial"
PARENT_TAG = "gridwatch:parent"  # of a repair: the trial that it repairs; of a rerun: the one that it is once more
PROGRAM_KEY = "sagemaker_program"
MACHINE_KEY = "sagemaker_instance_type"
# A trial's settings, and the fields of ResourceConfig.
INSTANCE_TYPE = "resources.instance_type"
MACHINES = {INSTANCE_TYPE: "InstanceType", "resources.instance_count": "InstanceCount"}
IMAGE = "algorithm.image"  # where a trial's kind of machine needs another image than the experiment's
MLFLOW = "MlflowConfig"
HOOK = "DebugHookConfig"  # with it SageMaker brings the tensors to S3, else Gridwatch's hook does
# What is Debugger's. A TensorBoardOutputConfig is taken from accounts without it too.
DEBUGGER_FIELDS = (HOOK, "DebugRuleConfigurations", "ProfilerConfig", "ProfilerRuleConfigurations")
_MANAGED_RULES = ("DebugRuleConfigurations", "ProfilerRuleConfigurations")


def training_request(
    template: Mapping[str, Any],
    trial: TrialRecord,
    *,
    name_prefix: str,
    artifacts_bucket: str,
    pace: Pace | None = None,
) -> dict[str, Any]:
    """The complete request for one trial, whose hook keeps to `pace`. The template is not changed."""
    tensors = s3_uri(artifacts_bucket, tensor_prefix(trial.job_name).rstrip("/"))
    return {
        **template,
        **_of_settings(template, trial.settings),
        **_checkpoints(template, trial, artifacts_bucket),
        **_rules(template, trial),
        "TrainingJobName": trial.job_name,
        "HyperParameters": _hyperparameters(template["HyperParameters"], trial),
        "Environment": {**template["Environment"], **(_told(tensors, pace) if has_hook(template) else {})},
        **_listed(template, trial, name_prefix),
        "Tags": [*template["Tags"], *_trial_tags(trial)],
    }


def has_hook(template: Mapping[str, Any]) -> bool:
    """Whether jobs with this template may have a hook of Gridwatch's: not beside Debugger's, nor where the spec wants
    none.
    """
    variables = template["Environment"]
    return HOOK not in template and (HOOK_CONFIG_KEY in variables or HOOK_OFF_KEY not in variables)


def _told(tensors: str, pace: Pace | None) -> dict[str, str]:
    return {TENSORS_KEY: tensors, **({PACE_KEY: pace.for_hook()} if pace is not None else {})}


def _listed(template: Mapping[str, Any], trial: TrialRecord, name_prefix: str) -> dict[str, Any]:
    """The request's lists of the job in SageMaker Experiments and MLflow, each if the spec wants it. An MLflow run is
    named after the job, whose name holds the trial's id and the attempt.
    """
    listed: dict[str, Any] = {}
    if "ExperimentConfig" in template:
        listed["ExperimentConfig"] = {
            **template["ExperimentConfig"],
            "TrialName": trial_entity(name_prefix, trial.experiment, trial.trial_id),
            "TrialComponentDisplayName": trial.job_name,
        }
    if MLFLOW in template:
        listed[MLFLOW] = {**template[MLFLOW], "MlflowRunName": trial.job_name}
    return listed


def _hyperparameters(shared: Mapping[str, str], trial: TrialRecord) -> dict[str, str]:
    """The hyperparameters: as JSON where SageMaker's toolkit runs a script, else as text, which its algorithms read."""
    if PROGRAM_KEY not in shared:
        return {name: _plain(value) for name, value in trial.hyperparameters.items()}
    machine = trial.settings.get(INSTANCE_TYPE)
    told = {MACHINE_KEY: json.dumps(machine)} if machine and MACHINE_KEY in shared else {}
    return {
        **{name: json.dumps(value) for name, value in trial.hyperparameters.items()},
        **shared,
        **told,
        "sagemaker_job_name": json.dumps(trial.job_name),
    }


def _plain(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _of_settings(template: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of the request in which this trial differs."""
    changed: dict[str, Any] = {}
    machines = {field: settings[name] for name, field in MACHINES.items() if name in settings}
    if machines:
        changed["ResourceConfig"] = {**template["ResourceConfig"], **machines}
    if IMAGE in settings:
        changed["AlgorithmSpecification"] = {**template["AlgorithmSpecification"], "TrainingImage": settings[IMAGE]}
    return changed


def _checkpoints(template: Mapping[str, Any], trial: TrialRecord, artifacts_bucket: str) -> dict[str, Any]:
    """The trial's own place for checkpoints, the same for each attempt, so that the next one continues from it."""
    config = template.get("CheckpointConfig")
    if config is None or "S3Uri" in config:
        return {}
    place = s3_uri(artifacts_bucket, checkpoint_prefix(trial.experiment, trial.trial_id).rstrip("/"))
    return {"CheckpointConfig": {**config, "S3Uri": place}}


def _rules(template: Mapping[str, Any], trial: TrialRecord) -> dict[str, Any]:
    """Debugger's rules; those that stop a job get its name."""
    rules = template.get("DebugRuleConfigurations", ())
    if not any(ACTIONS in rule.get("RuleParameters", {}) for rule in rules):
        return {}
    return {"DebugRuleConfigurations": [_named(rule, trial.job_name) for rule in rules]}


def _named(rule: Mapping[str, Any], job_name: str) -> dict[str, Any]:
    parameters = rule.get("RuleParameters", {})
    if ACTIONS not in parameters:
        return dict(rule)
    return {**rule, "RuleParameters": {**parameters, ACTIONS: with_job_name(parameters[ACTIONS], job_name)}}


def _trial_tags(trial: TrialRecord) -> list[dict[str, str]]:
    first = trial.parent or trial.rerun_of
    parent = [{"Key": PARENT_TAG, "Value": first}] if first else []
    return [{"Key": TRIAL_TAG, "Value": trial.trial_id}, *parent]


def managed_rules(template: Mapping[str, Any]) -> int:
    """The number of rules that SageMaker Debugger evaluates for one job, each of which takes a processing instance."""
    return sum(len(template.get(field, ())) for field in _MANAGED_RULES)


def without_debugger(template: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The template without any Debugger fields; `fields` are Gridwatch's own, which replace them."""
    return {name: value for name, value in template.items() if name not in DEBUGGER_FIELDS} | dict(fields)


def own_tags(name_prefix: str, experiment: str, trial_id: str) -> dict[str, str]:
    """The tags that mark a training job as this deployment's job for this trial."""
    return {PREFIX_TAG: name_prefix, EXPERIMENT_TAG: experiment, TRIAL_TAG: trial_id}

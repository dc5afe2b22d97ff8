"""The CreateTrainingJob request of one trial: its experiment's template, filled. Needs nothing of the spec."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gridwatch.grid.names import trial_entity
from gridwatch.state.records import TrialRecord
from gridwatch.storage.layout import s3_uri, tensor_prefix

PREFIX_TAG = "gridwatch:prefix"
EXPERIMENT_TAG = "gridwatch:experiment"
TRIAL_TAG = "gridwatch:trial"
TENSORS_KEY = "GRIDWATCH_TENSORS_URI"
INSTANCE_TYPE = "resources.instance_type"  # where it is a factor of the grid: in each trial's settings
_MANAGED_RULES = ("DebugRuleConfigurations", "ProfilerRuleConfigurations")


def training_request(
    template: Mapping[str, Any], trial: TrialRecord, *, name_prefix: str, artifacts_bucket: str
) -> dict[str, Any]:
    """The complete request for one trial. The template is left as it is."""
    tensors = s3_uri(artifacts_bucket, tensor_prefix(trial.job_name).rstrip("/"))
    return {
        **template,
        "ResourceConfig": {**template["ResourceConfig"], **_machines(trial.settings)},
        "TrainingJobName": trial.job_name,
        "HyperParameters": {
            **{name: json.dumps(value) for name, value in trial.hyperparameters.items()},
            **template["HyperParameters"],
            "sagemaker_job_name": json.dumps(trial.job_name),
        },
        "Environment": {**template["Environment"], TENSORS_KEY: tensors},
        "ExperimentConfig": {
            **template["ExperimentConfig"],
            "TrialName": trial_entity(name_prefix, trial.experiment, trial.trial_id),
            "TrialComponentDisplayName": trial.job_name,
        },
        "Tags": [*template["Tags"], {"Key": TRIAL_TAG, "Value": trial.trial_id}],
    }


def _machines(settings: Mapping[str, Any]) -> dict[str, Any]:
    fields = {INSTANCE_TYPE: "InstanceType", "resources.instance_count": "InstanceCount"}
    return {field: settings[name] for name, field in fields.items() if name in settings}


def managed_rules(template: Mapping[str, Any]) -> int:
    """Rules that SageMaker's own Debugger evaluates for one job: the processing instances that the job takes."""
    return sum(len(template.get(field, ())) for field in _MANAGED_RULES)


def own_tags(name_prefix: str, experiment: str, trial_id: str) -> dict[str, str]:
    """The tags by which a training job is known to be this deployment's job for this trial."""
    return {PREFIX_TAG: name_prefix, EXPERIMENT_TAG: experiment, TRIAL_TAG: trial_id}

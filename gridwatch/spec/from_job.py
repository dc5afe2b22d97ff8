"""Makes a spec from an existing training job: what DescribeTrainingJob says, in the words of a spec.

Everything that cannot be carried over becomes a note, which stands as a comment where people look for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from gridwatch.spec.builtin_algorithms import BUILT_IN
from gridwatch.spec.checks.tracking import VARIABLES
from gridwatch.spec.default_metrics import OLD_OBJECTIVES, default_metric_of, is_xgboost
from gridwatch.spec.described import (
    HOOK,
    as_asked,
    continued,
    distribution_of,
    known_image,
    network_of,
    number_or_text,
    plain,
    registry_of,
    s3_source,
    switches_of,
    value_of,
)
from gridwatch.spec.metrics import evaluation_metrics, metric_definitions, reported_metrics
from gridwatch.spec.xgboost.metrics import canonical
from gridwatch.spec.xgboost.parameters import ALIASES, IGNORED, PARAMETERS
from gridwatch.spec.xgboost.settings import metrics_in
from gridwatch.storage.layout import HOOK_PLACE, is_hook_channel
from gridwatch_rules.rules.metrics import is_score
from gridwatch_rules.visible import visible_text

_XGBOOST = "3.2-0"
_TOOLKIT = "sagemaker_"
_MODEL_TYPE = "application/x-sagemaker-model"
_OURS = "GRIDWATCH_"
_PATH = "PYTHONPATH"
_TUNED = "_tuning_objective_metric"  # what SageMaker adds to the hyperparameters of a tuning job's training jobs
_DEBUGGER = ("DebugHookConfig", "DebugRuleConfigurations", "ProfilerRuleConfigurations", "TensorBoardOutputConfig")
_NOT_CARRIED = (
    "ExperimentConfig", "ModelPackageConfig", "ServerlessJobConfig", "TuningJobArn", "LabelingJobArn", "AutoMLJobArn",
)  # fmt: skip


@dataclass(slots=True)
class Draft:
    """The spec as a document and, for its top-level keys, notes for its reader ("" is the whole)."""

    document: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def note(self, key: str, text: str) -> None:
        self.notes.setdefault(key, []).append(text)

    def as_yaml(self) -> str:
        """The spec as YAML, each note a comment above its key."""
        blocks = [_comment(self.notes.get("", []))]
        for key, value in self.document.items():
            text = yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True, width=110)
            if visible_text(text) != text:  # YAML's own codes for letters that are not seen
                text = yaml.safe_dump({key: value}, sort_keys=False, width=110)
            blocks.append(_comment(self.notes.get(key, [])) + text)
        return "\n".join(block for block in blocks if block)


def spec_of_job(described: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> Draft:
    """The spec of a job. `described`: the answer of DescribeTrainingJob, or a CreateTrainingJob request."""
    draft = Draft()
    draft.document["name"] = str(described["TrainingJobName"])[:64].rstrip("-")
    draft.note("", f"From the training job {described['TrainingJobName']}, as SageMaker describes it.")
    job = _Job(described, draft)
    sections = {
        "objective": job.objective(), "tags": job.tags(tags or {}), "algorithm": job.algorithm(), "data": job.data(),
        "hyperparameters": job.hyperparameters(), "resources": job.resources(), "distribution": job.distribution(),
        "checkpoints": job.checkpoints(), "start_from": job.start_from(), "tracking": job.tracking(),
        **job.debugger(),
    }  # fmt: skip
    draft.document |= {name: section for name, section in sections.items() if section not in (None, {}, [])}
    for name in _NOT_CARRIED:
        if described.get(name):
            draft.note("", f"Not carried over: {name}, {json.dumps(described[name], default=str)[:200]}.")
    return draft


def _comment(lines: list[str]) -> str:
    return "".join(f"# {line}\n" for text in lines for line in visible_text(text).splitlines())


@dataclass(frozen=True, slots=True)
class _Job:
    described: Mapping[str, Any]
    draft: Draft

    @property
    def _specification(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.described["AlgorithmSpecification"]
        return found

    @property
    def _given(self) -> Mapping[str, str]:
        return self.described.get("HyperParameters") or {}

    @property
    def _program(self) -> str | None:
        """The script that SageMaker's toolkit runs."""
        told = self._given.get("sagemaker_program")
        return str(value_of(told)) if told is not None else None

    @property
    def _metrics(self) -> dict[str, str]:
        return {each["Name"]: each["Regex"] for each in self._specification.get("MetricDefinitions") or ()}

    def algorithm(self) -> dict[str, Any]:
        address = self._specification.get("TrainingImage")
        known = known_image(address or "", with_script=self._program is not None and not self._is_own_script)
        told: dict[str, Any] = dict(known or {"image": address})
        if address is None:
            self.draft.note(
                "algorithm", f"Not carried over: {self._specification.get('AlgorithmName')} of a marketplace."
            )
            told = {"image": "REPLACE-ME"}
        if known is None and address is not None:
            self.draft.note("algorithm", "The deployment must allow this image (allowed_in_specs).")
        told |= self._script()
        if told.get("name") == "xgboost":
            told["version"] = self._own_xgboost(known or {})
        elif not told.get("name"):
            told["metrics"] = self._metrics or dict(self._scripts_metrics())
        for name, key in (("command", "ContainerEntrypoint"), ("arguments", "ContainerArguments")):
            if self._specification.get(key):
                told[name] = list(self._specification[key])
        registry = registry_of(self._specification.get("TrainingImageConfig"))
        if registry is not None:
            told["registry"] = registry
        said = VARIABLES if self._mlflow else ()
        environment = self._environment().items()
        own = {name: value for name, value in environment if not name.startswith(_OURS) and name not in said}
        return told | ({"environment": own} if own else {})

    def _own_xgboost(self, known: Mapping[str, Any]) -> str:
        if known.get("version") != _XGBOOST or not self._is_ours:
            self.draft.note("algorithm", f"The job trained in AWS's image {known.get('version')};")
            self.draft.note("algorithm", f"Gridwatch trains with its own script in {_XGBOOST}.")
        return _XGBOOST

    @property
    def _is_ours(self) -> bool:
        return HOOK in self._environment()

    def _environment(self) -> Mapping[str, str]:
        """The job's variables, without the place of a hook that was brought into it."""
        given = dict(self.described.get("Environment") or {})
        parts = given.get(_PATH, "").split(":")
        if HOOK_PLACE in parts:
            given[_PATH] = ":".join(part for part in parts if part != HOOK_PLACE)
        return {name: value for name, value in given.items() if name != _PATH or value}

    def _script(self) -> dict[str, Any]:
        if self._program is None or (self._is_ours and self._is_own_script):
            return {}
        source = str(value_of(self._given.get("sagemaker_submit_directory", '""')))
        if source.startswith("s3://") and source.endswith(".tar.gz"):
            return {"entry_point": self._program, "source": source}
        self.draft.note("algorithm", f"The script lay at {source or 'no address'}; put its folder beside this spec.")
        return {"entry_point": self._program, "source": "code"}

    @property
    def _is_own_script(self) -> bool:
        """Whether the job trains with Gridwatch's own script for XGBoost, which lies in the deployment's assets and not
        among specs' sources.
        """
        image = str(self._specification.get("TrainingImage"))
        source = str(self._given.get("sagemaker_submit_directory"))
        return self._program == "train.py" and "/sagemaker-xgboost:" in image and "/code/sources/" not in source

    def objective(self) -> dict[str, str]:
        final = [each["MetricName"] for each in self.described.get("FinalMetricDataList") or ()]
        names = self._own_metrics() or list(self._metrics) or final or self._documented or list(self._scripts_metrics())
        known = [name for name in names if name in {each.replace(":", "-") for each in final}] or names
        tuned = self._given.get(_TUNED, "").replace(":", "-")  # the job was one of a tuning job's
        named = [name for name in names if name.replace(":", "-") == tuned]
        validating = [name for name in known if name.lower().startswith(("validation", "val", "test"))]
        chosen = [*named, *validating, *known][0]
        self.draft.note("objective", "A job has no objective: this metric, and its direction, are a guess.")
        return {"metric": chosen, "direction": "maximize" if is_score(chosen) else "minimize"}

    def _own_metrics(self) -> list[str]:
        """The metrics that Gridwatch's script reports in place of the built-in XGBoost; none for any other job."""
        with_script = self._program is not None and not self._is_own_script
        known = known_image(str(self._specification.get("TrainingImage")), with_script=with_script) or {}
        if known.get("name") != "xgboost":
            return []
        return list(reported_metrics(evaluation_metrics(self._xgboost_setting(), {}), self._channels))

    @property
    def _documented(self) -> list[str]:
        """The metrics that AWS documents for a built-in algorithm, losses first; of the job's channels, if any."""
        known = known_image(str(self._specification.get("TrainingImage")), with_script=False) or {}
        built_in = BUILT_IN.get(str(known.get("name"))) if self._program is None else None
        metrics = sorted(built_in.metrics if built_in else (), key=lambda name: not name.endswith("_loss"))
        return [name for name in metrics if name.partition(":")[0] in self._channels] or metrics

    def _scripts_metrics(self) -> Mapping[str, str]:
        """Expressions for a script's job that defines none: XGBoost prints its version's default metrics."""
        if not self._is_xgboost:
            return {"loss": "loss[=:] *([0-9.eE+-]+)"}
        metric = default_metric_of(self._xgboost_setting(), self._xgboost_version)
        found = metric_definitions(reported_metrics([metric], self._channels))
        return {each["Name"]: each["Regex"] for each in found}

    @property
    def _is_xgboost(self) -> bool:
        return is_xgboost(str(self._specification.get("TrainingImage")))

    @property
    def _xgboost_version(self) -> str:
        return str(self._specification.get("TrainingImage")).rpartition(":")[2]

    @property
    def _channels(self) -> list[str]:
        """The channels; a script without channels trains all the same."""
        names = [each["ChannelName"] for each in self.described.get("InputDataConfig") or ()]
        return names if {"train", "validation"} & set(names) else ["train"]

    def _xgboost_setting(self) -> dict[str, Any]:
        """The hyperparameters as Gridwatch's script accepts them."""
        return {name: self._xgboost_value(name, text) for name, text in self._given.items()}

    def _xgboost_value(self, name: str, text: str) -> Any:
        value = value_of(text) if self._program is not None else number_or_text(text)
        if name == "eval_metric":
            return ",".join(canonical(metric) or metric for metric in metrics_in(str(text)))
        if name == "objective":
            return OLD_OBJECTIVES.get(str(value), value)
        return value

    def tags(self, tags: Mapping[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in tags.items() if not name.lower().startswith(("aws:", "gridwatch:"))}
        return dict(list(kept.items())[:40])

    def hyperparameters(self) -> dict[str, Any]:
        read = value_of if self._program is not None else number_or_text
        told: dict[str, Any] = {}
        for given, text in self._given.items():
            name = ALIASES.get(given, given) if self._own_metrics() else given
            if name.startswith(_TOOLKIT) or name in ("mp_parameters", _TUNED):
                continue
            if self._own_metrics() and name not in PARAMETERS and name not in IGNORED:
                self.draft.note(
                    "hyperparameters", f"Not carried over: {name} = {text}, which XGBoost {_XGBOOST} lacks."
                )
                continue
            value = self._xgboost_value(name, text) if self._own_metrics() else read(text)
            if value != read(text) and name == "objective":
                self.draft.note("hyperparameters", f"The objective was {text}, which XGBoost calls {value} now.")
            if isinstance(value, dict | list) or value is None:
                self.draft.note(
                    "hyperparameters", f"{name} was {text}; specs have one value for each, so it is a text."
                )
                value = text
            told[name] = value
        return told

    def data(self) -> dict[str, Any]:
        channels = self.described.get("InputDataConfig") or ()
        return {
            each["ChannelName"]: self._channel(each)
            for each in channels
            if each.get("ContentType") != _MODEL_TYPE and not is_hook_channel(each)
        }

    def _channel(self, channel: Mapping[str, Any]) -> dict[str, Any]:
        source = channel["DataSource"]
        told: dict[str, Any] = {}
        if system := source.get("FileSystemDataSource"):
            told["file_system"] = {
                "id": system["FileSystemId"], "type": system["FileSystemType"], "path": system["DirectoryPath"],
                "access": system.get("FileSystemAccessMode", "ro"),
            }  # fmt: skip
        elif place := source.get("S3DataSource"):
            told |= s3_source(place)
        else:
            self.draft.note("data", f"Not carried over: {channel['ChannelName']} reads {', '.join(source)}.")
            told["uri"] = "s3://REPLACE-ME/"
        if channel.get("ContentType"):
            told["content_type"] = channel["ContentType"]
        mode = channel.get("InputMode") or self._specification.get("TrainingInputMode", "File")
        if mode != "File":
            told["input_mode"] = mode
        if channel.get("RecordWrapperType") == "RecordIO":
            told["record_wrapper"] = "RecordIO"
        if channel.get("CompressionType") == "Gzip":
            told["compression"] = "gzip"
        if channel.get("ShuffleConfig"):
            told["shuffle_seed"] = channel["ShuffleConfig"]["Seed"]
        return told

    def resources(self) -> dict[str, Any]:
        config, output = self.described["ResourceConfig"], self.described["OutputDataConfig"]
        stopping = self.described.get("StoppingCondition") or {}
        groups = {
            each["InstanceGroupName"]: {"instance_type": each["InstanceType"], "instance_count": each["InstanceCount"]}
            for each in config.get("InstanceGroups") or ()
        }
        self.draft.note(
            "resources", f"The job ran in {self.described.get('RoleArn')} and wrote to {output['S3OutputPath']};"
        )
        self.draft.note("resources", "here the deployment's role and bucket are taken.")
        wait = stopping.get("MaxWaitTimeInSeconds")
        told: dict[str, Any] = {
            "instance_type": config.get("InstanceType") if not groups else None,
            "instance_count": config.get("InstanceCount") if not groups else None,
            "groups": groups,
            "volume_gb": config.get("VolumeSizeInGB"),
            "volume_key": config.get("VolumeKmsKeyId"),
            "output_key": output.get("KmsKeyId") or None,
            "compress_output": False if output.get("CompressionType") == "NONE" else None,
            "max_runtime": stopping.get("MaxRuntimeInSeconds"),
            "max_pending": stopping.get("MaxPendingTimeInSeconds"),
            "keep_alive": config.get("KeepAlivePeriodInSeconds"),
            "training_plan": config.get("TrainingPlanArn"),
            "spot": {"max_wait": wait} if self.described.get("EnableManagedSpotTraining") and wait else None,
            "retries": (self.described.get("RetryStrategy") or {}).get("MaximumRetryAttempts"),
            "network": network_of(self.described.get("VpcConfig")),
            "isolated": self.described.get("EnableNetworkIsolation") or None,
            "encrypted_traffic": self.described.get("EnableInterContainerTrafficEncryption") or None,
        }
        told |= switches_of(self.described)
        if any(told[name] for name in ("volume_key", "output_key", "network", "training_plan")):
            self.draft.note("resources", "The deployment must allow its keys, networks and plans (allowed_in_specs).")
        return {name: value for name, value in told.items() if value is not None and value != {}}

    def distribution(self) -> dict[str, Any] | None:
        given = {
            name: value_of(text) for name, text in self._given.items() if name.startswith((_TOOLKIT, "mp_parameters"))
        }
        return distribution_of(given)

    def checkpoints(self) -> dict[str, Any] | None:
        config = self.described.get("CheckpointConfig")
        if not config:
            return None
        if config.get("S3Uri"):
            self.draft.note(
                "checkpoints", f"The job kept them at {config['S3Uri']}; here each trial has a place of its own"
            )
            self.draft.note("checkpoints", "(uri: that address would go on from them, with one trial).")
        return {"path": config.get("LocalPath") or "/opt/ml/checkpoints"}

    def start_from(self) -> dict[str, str] | None:
        for channel in self.described.get("InputDataConfig") or ():
            if channel.get("ContentType") == _MODEL_TYPE:
                return {"model": channel["DataSource"]["S3DataSource"]["S3Uri"], "channel": channel["ChannelName"]}
        return None

    @property
    def _mlflow(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.described.get("MlflowConfig") or {}
        return found

    def tracking(self) -> dict[str, Any] | None:
        """The MLflow section; the container is told of MLflow by the same names as the request."""
        told = self._mlflow
        if not told:
            return None
        self.draft.note("tracking", "The deployment must allow this MLflow (allowed_in_specs).")
        if told.get("MlflowRunName") not in (None, self.described["TrainingJobName"]):
            self.draft.note("tracking", f"The run was {told['MlflowRunName']}; here each is called as its job.")
        experiment = {"experiment": told["MlflowExperimentName"]} if told.get("MlflowExperimentName") else {}
        return {"mlflow": {"resource": told["MlflowResourceArn"], **experiment}}

    def debugger(self) -> dict[str, Any]:
        """The engine, and Debugger's configuration unchanged."""
        told = {name: plain(self.described[name]) for name in _DEBUGGER if self.described.get(name)}
        profiler = self.described.get("ProfilerConfig") or {}
        if profiler and not profiler.get("DisableProfiler") and (told or profiler.get("S3OutputPath")):
            told["ProfilerConfig"] = plain(profiler)
        watched = bool(set(told) - {"TensorBoardOutputConfig"})
        if not watched and self._is_ours:
            told["DebugHookConfig"] = as_asked(json.loads(continued(self._environment())))
        if not told:
            return {}
        if watched:
            self.draft.note(
                "engine", "Debugger evaluated the rules. In an account without it: engine: auto, or gridwatch."
            )
        if self._is_ours:
            self.draft.note("debugger", "Gridwatch launched the job; its rules are in the spec that it came from.")
        return {"engine": "debugger" if watched else None, "debugger": {"configuration": told}}

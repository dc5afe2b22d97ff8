"""The CreateHyperParameterTuningJob request of a spec that is tuned, and what its jobs are told.

A tuning job has one definition for all of its training jobs, so it holds nothing about a single job: the place where a
job's hook writes has the job's name as a placeholder, which the container knows (TRAINING_JOB_NAME).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gridwatch.launch.paces import Pacing, RequestedMachines
from gridwatch.launch.profiler import CONFIG_KEY as PROFILER_KEY
from gridwatch.launch.request import EXPERIMENT_TAG, PREFIX_TAG, PROGRAM_KEY, has_hook
from gridwatch.pace import PACE_KEY, Log
from gridwatch.state.accepted_spec import Watching
from gridwatch.storage.layout import TENSORS_KEY, s3_uri, tensor_prefix

if TYPE_CHECKING:  # pydantic takes a while to import, and most who need this page's names plan nothing
    from gridwatch.spec.model import ExperimentSpec
    from gridwatch.spec.parts.tune import Range, Tune

MAX_NAME = 32  # HyperParameterTuningJobName
MAX_ENVIRONMENT = 48  # variables, over all definitions of a tuning job
TUNING_TAG = "gridwatch:tuning"
# Containers have the job's name in this variable ("How Amazon SageMaker AI Provides Training Information" of the
# developer guide).
JOB_PLACEHOLDER = "{TRAINING_JOB_NAME}"

_STRATEGIES = {"bayesian": "Bayesian", "random": "Random", "grid": "Grid", "hyperband": "Hyperband"}
_SCALINGS = {"auto": "Auto", "linear": "Linear", "log": "Logarithmic", "reverse_log": "ReverseLogarithmic"}
_WARM_STARTS = {"identical": "IdenticalDataAndAlgorithm", "transfer": "TransferLearning"}
# What a definition has as a CreateTrainingJob request has it.
_SHARED = (
    "RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig", "StoppingCondition", "VpcConfig",
    "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining", "CheckpointConfig",
    "RetryStrategy",
)  # fmt: skip
_OF_ALGORITHMS = ("TrainingImage", "TrainingInputMode", "MetricDefinitions")
# What a definition says for itself where there are several, and the tuning job where there is one.
_OF_SEVERAL = ("DefinitionName", "TuningObjective", "HyperParameterRanges")
Definition = tuple[str | None, "ExperimentSpec", Mapping[str, Any]]  # its name, its spec and its template


def tuning_request(
    spec: ExperimentSpec,
    tune: Tune,
    definitions: Sequence[Definition],
    *,
    name_prefix: str,
    artifacts_bucket: str,
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """The whole request. Its name is made from everything else in it and from the data's versions in `data`: the same
    spec over the same data makes the same tuning job.
    """
    several = definitions[0][0] is not None
    made = [_definition(*each, artifacts_bucket=artifacts_bucket) for each in definitions]
    request: dict[str, Any] = {"HyperParameterTuningJobConfig": _config(spec, tune)}
    if several:
        request["TrainingJobDefinitions"] = made
    else:
        request["TrainingJobDefinition"] = {name: made[0][name] for name in made[0] if name not in _OF_SEVERAL}
        request["HyperParameterTuningJobConfig"] |= {
            "HyperParameterTuningJobObjective": made[0]["TuningObjective"],
            "ParameterRanges": made[0]["HyperParameterRanges"],
        }
    if tune.autotune:
        request["Autotune"] = {"Mode": "Enabled"}
    if tune.warm_start is not None:
        parents = [{"HyperParameterTuningJobName": name} for name in tune.warm_start.from_]
        request["WarmStartConfig"] = {
            "ParentHyperParameterTuningJobs": parents,
            "WarmStartType": _WARM_STARTS[tune.warm_start.type],
        }
    tags = definitions[0][2]["Tags"]
    about = {**request, "Experiment": spec.name, "Data": data, "Revision": spec.revision}
    name = tuning_name(name_prefix, spec.name, about)
    return {
        "HyperParameterTuningJobName": name,
        **request,
        "Tags": [*tags, {"Key": TUNING_TAG, "Value": name}],
    }


def tuning_name(prefix: str, experiment: str, about: Mapping[str, Any]) -> str:
    """A tuning job's name: `<prefix>-<experiment, cut to fit>-<digest>`, at most 32 characters; SageMaker ignores its
    case.
    """
    ending = f"-{hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:10]}"
    room = MAX_NAME - len(prefix) - 1 - len(ending)
    middle = f"-{experiment[:room].rstrip('-')}" if room > 0 else ""
    if len(prefix) + len(middle) + len(ending) > MAX_NAME:
        raise ValueError(f"the name prefix {prefix!r} leaves no room for a tuning job's name")
    return f"{prefix}{middle}{ending}"


def own_tuning_tags(name_prefix: str, experiment: str, name: str) -> dict[str, str]:
    """The tags that mark a tuning job, and each of its jobs, as this deployment's."""
    return {PREFIX_TAG: name_prefix, EXPERIMENT_TAG: experiment, TUNING_TAG: name}


def map_definitions(
    request: Mapping[str, Any], change: Callable[[int, Mapping[str, Any]], Mapping[str, Any]]
) -> dict[str, Any]:
    """The request with each definition, given by its number, as `change` makes it."""
    several = request.get("TrainingJobDefinitions")
    if several:
        return {**request, "TrainingJobDefinitions": [change(*numbered) for numbered in enumerate(several)]}
    return {**request, "TrainingJobDefinition": change(0, request["TrainingJobDefinition"])}


def environment_size(request: Mapping[str, Any]) -> int:
    """The number of environment variables in all definitions together."""
    definitions = request.get("TrainingJobDefinitions") or [request["TrainingJobDefinition"]]
    return sum(len(definition["Environment"]) for definition in definitions)


def paced(request: Mapping[str, Any], pacing: Pacing, watching: Watching | None) -> dict[str, Any]:
    """The request whose jobs' hooks keep to the pace of their machines. The pace is added when the tuning job is
    created, so that the name depends on the spec alone. Where there is no room for the variable it is left out.
    """

    def told(_: int, definition: Mapping[str, Any]) -> dict[str, Any]:
        pace = pacing.of(
            RequestedMachines.of(definition.get("ResourceConfig", {})),
            longest=definition.get("StoppingCondition", {}).get("MaxRuntimeInSeconds"),
            spot=bool(definition.get("EnableManagedSpotTraining")),
            watching=watching,
            log=Log.FOLLOWED if definition.get("AlgorithmSpecification", {}).get("MetricDefinitions") else Log.NEVER,
            profiled=PROFILER_KEY in definition["Environment"],
        )
        return {**definition, "Environment": {**definition["Environment"], PACE_KEY: pace.for_hook()}}

    if environment_size(request) + len(request.get("TrainingJobDefinitions") or "1") > MAX_ENVIRONMENT:
        return dict(request)
    return map_definitions(request, told)


def _config(spec: ExperimentSpec, tune: Tune) -> dict[str, Any]:
    limits: dict[str, int] = {"MaxParallelTrainingJobs": spec.limits.parallel_jobs}
    if tune.jobs is not None:
        limits = {
            "MaxNumberOfTrainingJobs": tune.jobs,
            "MaxParallelTrainingJobs": min(spec.limits.parallel_jobs, tune.jobs),  # of a few jobs no more run together
        }
    if tune.max_runtime is not None:
        limits["MaxRuntimeInSeconds"] = tune.max_runtime
    config: dict[str, Any] = {
        "Strategy": _STRATEGIES[tune.strategy],
        "ResourceLimits": limits,
    }
    if tune.early_stopping or not tune.autotune:  # what is said is not chosen
        config["TrainingJobEarlyStoppingType"] = "Auto" if tune.early_stopping else "Off"
    if tune.hyperband is not None:
        told = {"MinResource": tune.hyperband.min, "MaxResource": tune.hyperband.max}
        band = {name: value for name, value in told.items() if value is not None}
        config["StrategyConfig"] = {"HyperbandStrategyConfig": band}
    if tune.seed is not None:
        config["RandomSeed"] = tune.seed
    if tune.completion is not None:
        config["TuningJobCompletionCriteria"] = _completion(tune)
    return config


def _completion(tune: Tune) -> dict[str, Any]:
    told = tune.completion
    criteria: dict[str, Any] = {}
    if told is not None and told.target is not None:
        criteria["TargetObjectiveMetricValue"] = told.target
    if told is not None and told.not_improving is not None:
        criteria["BestObjectiveNotImproving"] = {"MaxNumberOfTrainingJobsNotImproving": told.not_improving}
    if told is not None and told.converged:
        criteria["ConvergenceDetected"] = {"CompleteOnConvergence": "Enabled"}
    return criteria


def _definition(
    name: str | None, spec: ExperimentSpec, template: Mapping[str, Any], *, artifacts_bucket: str
) -> dict[str, Any]:
    ranges = spec.tune.parameters if spec.tune is not None else {}
    is_script = PROGRAM_KEY in template["HyperParameters"]
    tensors = s3_uri(artifacts_bucket, tensor_prefix(JOB_PLACEHOLDER).rstrip("/"))
    algorithm = {key: template["AlgorithmSpecification"][key] for key in _OF_ALGORITHMS
                 if key in template["AlgorithmSpecification"]}  # fmt: skip
    return {
        "DefinitionName": name,
        "TuningObjective": {"Type": f"{spec.objective.direction}".capitalize(), "MetricName": spec.objective.metric},
        "HyperParameterRanges": _ranges(ranges, as_json=is_script),
        "StaticHyperParameters": _static(spec.hyperparameters, template["HyperParameters"], is_script=is_script),
        "AlgorithmSpecification": algorithm,
        **{key: template[key] for key in _SHARED if key in template},
        "Environment": {**template["Environment"], **({TENSORS_KEY: tensors} if has_hook(template) else {})},
    }


def _static(values: Mapping[str, Any], shared: Mapping[str, str], *, is_script: bool) -> dict[str, str]:
    if is_script:
        return {**{name: json.dumps(value) for name, value in values.items()}, **shared}
    return {**{name: _text(value) for name, value in values.items()}, **shared}


def _ranges(ranges: Mapping[str, Range], *, as_json: bool) -> dict[str, list[dict[str, Any]]]:
    """SageMaker's three lists of ranges, and the list of those that it chooses itself if there are any. Categories are
    JSON where its toolkit runs a script, as other values are there.
    """
    told: dict[str, list[dict[str, Any]]] = {
        "ContinuousParameterRanges": [], "IntegerParameterRanges": [], "CategoricalParameterRanges": []
    }  # fmt: skip
    for name, given in ranges.items():
        if given.categorical is not None:
            values = [json.dumps(value) if as_json else _text(value) for value in given.categorical]
            told["CategoricalParameterRanges"].append({"Name": name, "Values": values})
            continue
        if given.auto is not None:
            hint = json.dumps(given.auto) if as_json else _text(given.auto)
            told.setdefault("AutoParameters", []).append({"Name": name, "ValueHint": hint})
            continue
        low, high = given.ends
        scale = {"ScalingType": _SCALINGS[given.scaling or "auto"]}
        kind = "IntegerParameterRanges" if given.integer is not None else "ContinuousParameterRanges"
        told[kind].append({"Name": name, "MinValue": _text(low), "MaxValue": _text(high), **scale})
    return told


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value) if isinstance(value, bool) else str(value)

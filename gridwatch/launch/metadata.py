"""The trial component in SageMaker that describes what all trials of an experiment share, and that each of them has.

The limits are those of CreateTrialComponent in SageMaker's service model: longer values are cut and say where the whole
is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.grid.names import metadata_entity, processing_entity
from gridwatch.state.accepted_spec import spec_of
from gridwatch.storage import layout

MAX_PARAMETERS = 300
MAX_ARTIFACTS = 60
MAX_NAME = 320  # of a parameter
MAX_TEXT = 2_500
MAX_ADDRESS = 2_048
_MEDIA_TYPE = re.compile(r"[-\w]+/[-\w+]+", re.ASCII)
_MAX_MEDIA_TYPE = 64
_OWN = "gridwatch."  # hyperparameters keep their names, so that they stand in one column with those of the jobs


def components_of(record: ExperimentRecord, sagemaker_experiment: str, metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the components that each trial has in that SageMaker experiment, besides its own jobs'."""
    jobs = spec_of(record).preprocessing.jobs
    return (component_name(sagemaker_experiment, metadata), *map(processing_entity, jobs))


def component_name(sagemaker_experiment: str, metadata: Mapping[str, Any]) -> str:
    """A name made from the component's content: when a spec says something else, later trials get another component."""
    told = {name: value for name, value in metadata["Parameters"].items() if name != f"{_OWN}spec_version"}
    content = json.dumps([told, metadata["InputArtifacts"]], sort_keys=True)
    return metadata_entity(sagemaker_experiment, hashlib.sha256(content.encode()).hexdigest()[:8])


def metadata_of(record: ExperimentRecord, *, experiments_bucket: str, artifacts_bucket: str) -> dict[str, Any]:
    """The CreateTrialComponent request without a name: hypothesis, static hyperparameters, search space, data,
    preprocessing.
    """
    spec = layout.s3_uri(experiments_bucket, record.spec_key)
    whole = f" … (cut; the whole is in {spec} version {record.spec_version})"
    inputs = {**dict(_data(record.template)), **_of_spec(record, spec)}
    return {
        "DisplayName": "metadata",
        "Parameters": dict([*_said(record, whole), *_hyperparameters(record, whole)][:MAX_PARAMETERS]),
        "InputArtifacts": {name: inputs[name] for name in list(inputs)[-MAX_ARTIFACTS:]},
        # The SDK's ExperimentAnalytics cannot read a component that has none.
        "OutputArtifacts": {
            f"{_OWN}report": _artifact(layout.s3_uri(artifacts_bucket, layout.experiment_report_key(record.name)))
        },
    }


def _said(record: ExperimentRecord, whole: str) -> Iterator[tuple[str, dict[str, Any]]]:
    spec = spec_of(record)
    hypothesis, objective = spec.hypothesis, spec.stated_objective
    sections = {"grid": spec.points.grid, "search": spec.points.search}
    points = {name: section for name, section in sections.items() if section}
    said = {
        "hypothesis": hypothesis.text,
        "hypothesis_expression": hypothesis.expression,
        "objective": f"{objective.direction} {objective.metric}",
        "search_space": _compact(points) if points else None,
        "spec_version": record.spec_version,
    }
    yield from ((f"{_OWN}{name}", _text(text, whole)) for name, text in said.items() if text)


def _hyperparameters(record: ExperimentRecord, whole: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in (spec_of(record).points.hyperparameters or {}).items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield name[:MAX_NAME], {"NumberValue": float(value)}
        else:
            yield name[:MAX_NAME], _text(value if isinstance(value, str) else _compact(value), whole)


def _data(template: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for channel in template.get("InputDataConfig", ()):
        if layout.is_hook_channel(channel):
            continue
        yield channel["ChannelName"], _artifact(_address(channel["DataSource"]), channel.get("ContentType"))


def _address(source: Mapping[str, Any]) -> str:
    if "S3DataSource" in source:
        return str(source["S3DataSource"]["S3Uri"])
    system = source.get("FileSystemDataSource") or {}
    kind, path = str(system.get("FileSystemType", "")).lower(), str(system.get("DirectoryPath", ""))
    return f"{kind}://{system.get('FileSystemId', '')}/{path.lstrip('/')}"


def _of_spec(record: ExperimentRecord, spec: str) -> dict[str, dict[str, Any]]:
    script = spec_of(record).preprocessing.script
    prepared = {f"{_OWN}preprocessing_script": _artifact(script)} if script else {}
    return {**prepared, f"{_OWN}spec": _artifact(spec)}


def _artifact(address: str, media_type: str | None = None) -> dict[str, Any]:
    fits = media_type is not None and len(media_type) <= _MAX_MEDIA_TYPE and _MEDIA_TYPE.fullmatch(media_type)
    return {"Value": address[:MAX_ADDRESS], **({"MediaType": media_type} if fits else {})}


def _text(text: str, whole: str) -> dict[str, Any]:
    """The text in one line, as SageMaker's pattern requires."""
    line = " ".join(text.split())
    return {"StringValue": line if len(line) <= MAX_TEXT else line[: MAX_TEXT - len(whole)] + whole}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

"""`gridwatch lineage`: from data and code to the model, and from an address to the trials that read or wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.every_trial import trials_of
from gridwatch.cli.looking.options import CsvOption, JsonOption
from gridwatch.cli.looking.trials import Found, find_trial
from gridwatch.cli.output import print_rows
from gridwatch.launch.request import MLFLOW
from gridwatch.state.accepted_spec import Preprocessing, spec_of
from gridwatch.storage.layout import is_hook_channel, s3_uri, tensor_prefix

_COLUMNS = ("what", "name", "address")
_TRIAL_COLUMNS = ("experiment", "trial", "job_name", "what", "name", "address")


def lineage(
    context: typer.Context,
    subject: Annotated[
        str, typer.Argument(help="A training job, a trial's id, <experiment>/<place>; or an s3:// address.")
    ],
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Show what a trial was made of and made, or which trials read or made what lies at an address."""
    cloud = cloud_of(context)
    if subject.startswith("s3://"):
        rows = list(_around(cloud, subject.rstrip("/")))
        empty = f"no trial read or made {subject}"
        print_rows(_TRIAL_COLUMNS, rows, as_json=as_json, as_csv=as_csv, empty=empty)
        return
    found = find_trial(cloud.store, subject)
    print_rows(_COLUMNS, lineage_of(cloud, found), as_json=as_json, as_csv=as_csv, empty="nothing is known")


def lineage_of(cloud: Cloud, found: Found) -> Sequence[Mapping[str, Any]]:
    """What the trial came from and what came of it, in this order."""
    record, trial = found.experiment, found.trial
    spec = f"{s3_uri(cloud.deployment.experiments_bucket, record.spec_key)} version {record.spec_version}"
    rows = [
        _row("spec", record.name, spec),
        *_of_preprocessing(spec_of(record).preprocessing),
        *_of_template(record.template),
    ]
    rows.append(_row("training job", found.job_name, trial.job_arn))
    if trial.status is not None:
        bucket = cloud.deployment.artifacts_bucket
        rows.append(_row("tensors", found.job_name, s3_uri(bucket, tensor_prefix(found.job_name).rstrip("/"))))
        if MLFLOW in record.template:
            told = record.template[MLFLOW]
            run = f"{told['MlflowExperimentName']} / {found.job_name}"
            rows.append(_row("MLflow run", run, told["MlflowResourceArn"]))
    if trial.model_uri and found.job_name == trial.job_name:
        rows.append(_row("model", trial.trial_id, trial.model_uri))
    return rows


def _of_preprocessing(told: Preprocessing) -> Iterator[Mapping[str, Any]]:
    """The preprocessing as the spec describes it; Gridwatch has seen neither the script nor the jobs."""
    if told.script:
        yield _row("preprocessing", "script", told.script)
    yield from (_row("preprocessing", job, None) for job in told.jobs)


def _of_template(template: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for channel in template.get("InputDataConfig", ()):
        source = channel["DataSource"].get("S3DataSource") or {}
        yield _row("hook" if is_hook_channel(channel) else "data", channel["ChannelName"], source.get("S3Uri"))
    algorithm = template.get("AlgorithmSpecification", {})
    yield _row("image", "algorithm", algorithm.get("TrainingImage") or algorithm.get("AlgorithmName"))
    code = template.get("HyperParameters", {}).get("sagemaker_submit_directory")
    if code is not None:
        yield _row("code", "script", _plain(code))


def _around(cloud: Cloud, address: str) -> Iterator[Mapping[str, Any]]:
    """Everything at the address, below it or above it, for every trial."""
    records = cloud.store.list_experiments()
    trials = trials_of(cloud.store, [record.name for record in records])
    for record in records:
        for trial in trials[record.name]:
            for row in lineage_of(cloud, Found(record, trial, trial.job_name)):
                lies_at = str(row["address"] or "").rstrip("/")
                if lies_at.startswith("s3://") and _meet(lies_at, address):
                    identity = {"experiment": record.name, "trial": trial.trial_id, "job_name": trial.job_name}
                    yield {**identity, **row}


def _meet(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _plain(value: str) -> str:
    """A hyperparameter as plain text: in script mode it is JSON."""
    try:
        return str(json.loads(value))
    except ValueError:
        return value


def _row(what: str, name: str, address: str | None) -> Mapping[str, Any]:
    return {"what": what, "name": name, "address": address}

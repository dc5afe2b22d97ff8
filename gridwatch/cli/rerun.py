"""`gridwatch fingerprint` and `gridwatch rerun`: what a trial was made of, and how to train it again from that."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.looking.options import JsonOption
from gridwatch.cli.looking.trials import Found, find_trial
from gridwatch.cli.output import console, print_json, print_rows
from gridwatch.cli.settings import own_command
from gridwatch.storage.layout import PACKAGES, s3_uri, tensor_prefix
from gridwatch_rules.wording import counted

if TYPE_CHECKING:
    from gridwatch.launch.deployment import Deployment
    from gridwatch.reproduce.differences import Findings
    from gridwatch.reproduce.fingerprint import Fingerprint

# boto3 is slow to import: only commands that talk to AWS pay for it.
# ruff: noqa: PLC0415

TrialArgument = Annotated[str, typer.Argument(help="A training job, a trial's id, or <experiment>/<place>.")]


def fingerprint(context: typer.Context, trial: TrialArgument, as_json: JsonOption = False) -> None:
    """Show what a trial was made of: spec, code, image, data by its versions, and installed packages."""
    cloud = cloud_of(context)
    found = find_trial(cloud.store, trial)
    made = read_fingerprint(cloud, found)
    packages = read_packages(cloud, found.job_name)
    rows = rows_of(made, found, packages)
    if as_json:
        print_json({"trial": found.trial.trial_id, "job_name": found.job_name, "rows": rows, "packages": packages})
        return
    print_rows(("what", "name", "value"), rows, as_json=False, as_csv=False, empty="nothing is known")


def rerun(
    context: typer.Context,
    trial: TrialArgument,
    *,
    plan: Annotated[bool, typer.Option("--plan", help="Say what is still there, and launch nothing.")] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also where something is gone or other: with what is there now.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a trial once more from its fingerprint, as a new trial that is linked to it.

    First everything that it was made of is looked for. What was overwritten is used in its former version, as a copy
    below data/restored/. Exit code 1, and nothing is launched, when something is gone.
    """
    from gridwatch.reproduce.rerunning import Rerunner

    cloud = cloud_of(context)
    found = find_trial(cloud.store, trial)
    made = read_fingerprint(cloud, found)
    findings = look(cloud, found, made)
    rows = [
        {"what": each.what, "state": each.state.value, "words": each.words, "hinders": each.hinders}
        for each in findings.differences
    ]
    rows.append(_packages_row(read_packages(cloud, found.job_name)))
    if as_json:
        print_json({"trial": found.trial.trial_id, "job_name": found.job_name, "found": rows})
    else:
        print_rows(("what", "state", "words"), rows, as_json=False, as_csv=False, empty="nothing was recorded")
    if findings.hindrances and not anyway:
        gone = ", ".join(each.what for each in findings.hindrances)
        raise CliError(f"it would not be the same trial, for {gone}: bring it back, or say --anyway")
    if plan:
        return
    from gridwatch.aws.queues import SqsQueue

    rerunner = Rerunner(
        store=cloud.store,
        restorer=_past(cloud),
        start_queue=SqsQueue(cloud.deployment.start_queue, cloud.session.sqs),
        deployment=_deployment(cloud),
        clock=cloud.clock,
    )
    again = rerunner.begin(found.trial, made, findings)
    console(stderr=True).print(f"{again.job_name} waits; watch it: {own_command()} status {again.experiment}")


def read_fingerprint(cloud: Cloud, found: Found) -> Fingerprint:
    """The fingerprint of the trial's job, or of the upload when it has no job yet. Raises CliError when there
    is none.
    """
    from gridwatch.reproduce.fingerprint import Fingerprint

    job = cloud.store.get_job(found.job_name)
    key = job.fingerprint if job is not None else found.experiment.fingerprint
    if key is None:
        raise CliError(
            f"{found.job_name} has no fingerprint: it was launched before they were recorded, or by a tuning job"
        )
    content = _read(cloud, cloud.deployment.experiments_bucket, key)
    if content is None:
        raise CliError(
            f"the fingerprint of {found.job_name} is gone: {s3_uri(cloud.deployment.experiments_bucket, key)}"
        )
    try:
        return Fingerprint.from_bytes(content)
    except ValueError as error:
        address = s3_uri(cloud.deployment.experiments_bucket, key)
        raise CliError(f"the fingerprint of {found.job_name} at {address} cannot be read: {error}") from error


def read_packages(cloud: Cloud, job_name: str) -> Mapping[str, Any] | None:
    """The packages that the hook recorded when training ended; None without Gridwatch's hook, when it did not come that
    far, or when another file lies in its place.
    """
    content = _read(cloud, cloud.deployment.artifacts_bucket, f"{tensor_prefix(job_name)}{PACKAGES}")
    try:
        found = json.loads(content or b"null")
    except (ValueError, RecursionError):
        return None
    is_ours = isinstance(found, dict) and {"python", "platform"} <= found.keys()
    return found if is_ours and isinstance(found.get("packages"), dict) else None


def look(cloud: Cloud, found: Found, made: Fingerprint) -> Findings:
    """What still exists of the things in the fingerprint."""
    from gridwatch.launch.request import IMAGE
    from gridwatch.reproduce.differences import Place, find_differences
    from gridwatch.reproduce.recording import account_of

    image = str(found.trial.settings.get(IMAGE) or made.template["AlgorithmSpecification"]["TrainingImage"])
    account = account_of(cloud.deployment.job_role)
    place = Place(cloud.session.region, account, cloud.deployment.experiments_bucket)
    return find_differences(made, image, place, _past(cloud))


def rows_of(made: Fingerprint, found: Found, packages: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    """One row for each thing, and for each object that was recorded by its version."""
    rows = [
        _row("fingerprint", made.experiment, made.digest),
        _row("spec", f"{made.spec_key} version {made.spec_version}", f"sha256:{made.spec_digest}"),
        _row("region", made.region, made.account),
        _row("gridwatch", "release", made.release),
        *(_row("hyperparameter", name, value) for name, value in found.trial.hyperparameters.items()),
        *(_row("setting", name, value) for name, value in found.trial.settings.items()),
    ]
    if made.code is not None:
        rows.append(_row("code", made.code.uri, made.code_digest))
    if made.hook is not None:
        rows.append(_row("hook", made.hook.uri, made.hook_version))
    rows += [_row("image", image.address, image.digest or f"not known: {image.note}") for image in made.images]
    for channel in made.data:
        rows.append(
            _row(f"data {channel.name}", channel.uri, f"{counted(channel.count, 'object')}, listing {channel.digest}")
        )
        rows += [
            _row("object", each.key, f"etag {each.etag}" + (f", version {each.version}" if each.version else ""))
            for each in channel.objects
        ]
    if packages is None:
        return [*rows, _row("packages", "missing", _MISSING)]
    rows.append(_row("python", packages["python"], packages["platform"]))
    return [*rows, *(_row("package", name, version) for name, version in packages["packages"].items())]


_MISSING = "not reported: the job has no hook of Gridwatch's, or did not come to its end"


def _packages_row(packages: Mapping[str, Any] | None) -> dict[str, Any]:
    if packages is None:
        return {"what": "packages", "state": "unknown", "words": _MISSING, "hinders": False}
    words = f"{len(packages['packages'])} recorded; compare with `gridwatch fingerprint` when the new job is over"
    return {"what": "packages", "state": "unknown", "words": words, "hinders": False}


def _deployment(cloud: Cloud) -> Deployment:
    from gridwatch.cli.launch_site import Deployed

    return Deployed(cloud).deployment


def _past(cloud: Cloud) -> Any:
    from gridwatch.aws.past_objects import S3PastObjects

    return S3PastObjects(cloud.session.s3, cloud.session.client("ecr"))


def _read(cloud: Cloud, bucket: str, key: str) -> bytes | None:
    s3 = cloud.session.s3
    try:
        with s3.get_object(Bucket=bucket, Key=key)["Body"] as body:
            return body.read()
    except s3.exceptions.NoSuchKey:
        return None


def _row(what: str, name: str, value: object) -> Mapping[str, Any]:
    return {"what": what, "name": name, "value": value}

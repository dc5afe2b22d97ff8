"""`gridwatch snapshot`: write an experiment's tables now, instead of when the next job ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.output import console
from gridwatch.events.messages import SnapshotExperiment, to_body
from gridwatch.storage import layout
from gridwatch.tables import queries, schemas

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_POLL_SECONDS = 0.25


def snapshot(
    context: typer.Context,
    experiment: Annotated[str, typer.Argument(help="Name of the experiment.")],
    timeout: Annotated[float, typer.Option(help="Seconds to wait for it.")] = 120.0,
) -> None:
    """Write the tables of an experiment as of now, and wait until they are there."""
    cloud = cloud_of(context)
    if cloud.store.get_experiment(experiment) is None:
        raise CliError(f"there is no experiment {experiment!r} (`gridwatch experiments` lists them)")
    as_of = take_snapshot(cloud, experiment, timeout=timeout)
    console(stderr=True).print(f"the tables of {experiment} are as of {as_of} UTC")


def take_snapshot(cloud: Cloud, experiment: str, *, timeout: float) -> str:
    """Ask for a snapshot and wait for it; returns its as-of time. Raises CliError when none comes in time."""
    asked_at = cloud.clock.now()
    body = to_body(SnapshotExperiment(experiment))
    # Now: the queue's own delay is for the many ends of a grid's jobs.
    cloud.session.sqs.send_message(QueueUrl=cloud.deployment.snapshot_queue, MessageBody=body, DelaySeconds=0)
    key = layout.table_key(schemas.EXPERIMENTS.name, experiment)
    before = _object(cloud.session.s3, cloud.deployment.artifacts_bucket, key)
    seen, hindered = None, ""
    while cloud.clock.now() < asked_at + timedelta(seconds=timeout):
        found = _object(cloud.session.s3, cloud.deployment.artifacts_bucket, key)
        if found is not None and found != seen:
            seen = found
            try:
                as_of = _as_of(cloud, experiment)
            except CliError as error:
                # A table is damaged: this experiment's, which is being written again, or another one's.
                hindered = f"; the tables cannot be asked: {error}"
                if found != before and found.at >= asked_at.replace(microsecond=0):
                    return f"{found.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
            else:
                hindered = ""
                if datetime.fromisoformat(as_of).replace(tzinfo=UTC) >= asked_at:
                    return as_of
        cloud.clock.sleep(_POLL_SECONDS)
    raise CliError(f"no snapshot of {experiment} was seen within {timeout:.0f} seconds{hindered}")


def _as_of(cloud: Cloud, experiment: str) -> str:
    name = queries.text_literal(experiment)
    answer = cloud.ask(f"SELECT cast(as_of AS varchar) AS as_of FROM experiments WHERE experiment = {name}")  # noqa: S608
    return str(answer.rows[0]["as_of"])


@dataclass(frozen=True, slots=True)
class _Object:
    """Which object lies there, and since when."""

    etag: str
    at: datetime


def _object(s3: S3Client, bucket: str, key: str) -> _Object | None:
    """The object; None while there is none. It is listed, because not everybody who may query may read it."""
    found = s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])
    return next((_Object(each["ETag"], each["LastModified"]) for each in found if each["Key"] == key), None)

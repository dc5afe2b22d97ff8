"""`gridwatch look`: has running jobs evaluated now, and more often for a while."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import typer

from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.output import console
from gridwatch.cli.steering import ExperimentArgument, WhereOption, condition
from gridwatch.domain.trials import TrialState
from gridwatch.events.messages import EvaluateJob
from gridwatch.storage.layout import tensor_prefix
from gridwatch_rules.tensors.layout import WISH

_AT_ONCE = 8  # fewer than the ten connections that a client keeps open


def look(
    context: typer.Context,
    experiment: ExperimentArgument,
    *,
    where: WhereOption = None,
    every: Annotated[float, typer.Option(help="Seconds between two looks, as far as the share allows.", min=1)] = 10.0,
    minutes: Annotated[float, typer.Option(help="For so long; 0 looks once.", min=0, max=24 * 60)] = 10.0,
) -> None:
    """Look at the running jobs now, and oftener for a while; what looks may cost stays the same (docs/cost.md)."""
    cloud = cloud_of(context)
    trials = cloud.store.list_trials(experiment)
    if not trials and cloud.store.get_experiment(experiment) is None:
        raise CliError(f"there is no experiment {experiment!r} (`gridwatch experiments` lists them)")
    holds = condition(where)
    running = [trial.job_name for trial in trials if trial.state is TrialState.RUNNING and holds(trial)]
    if minutes:
        _wish(cloud, running, every, minutes)
    from gridwatch.aws.queues import SqsQueue  # noqa: PLC0415 - boto3 takes longer than any other command needs

    SqsQueue(cloud.deployment.evaluate_queue, cloud.session.sqs).send_all(map(EvaluateJob, running))
    often = f", then every {every:g} s for {minutes:g} min as far as their share allows" if minutes else ""
    console(stderr=True).print(f"{len(running)} running jobs are looked at now{often}", markup=False)


def _wish(cloud: Cloud, job_names: Sequence[str], every: float, minutes: float) -> None:
    """Leave the wish beside each job's tensors, several at a time: S3 has no request for many objects."""
    until = cloud.clock.now().timestamp() + 60 * minutes
    wish = json.dumps({"every_seconds": every, "until": until}).encode()
    s3, bucket = cloud.session.s3, cloud.deployment.artifacts_bucket

    def put(job_name: str) -> None:
        s3.put_object(Bucket=bucket, Key=f"{tensor_prefix(job_name)}{WISH}", Body=wish)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(put, job_names):
            pass

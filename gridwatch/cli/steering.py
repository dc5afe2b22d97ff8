"""`gridwatch stop` and `gridwatch retry`: for a whole experiment, or a part of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.output import console
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.launch.steering import Steering
from gridwatch.launch.tuning_steering import stop_tunings
from gridwatch.state.accepted_spec import spec_of
from gridwatch_rules.expressions import Condition, ExpressionError
from gridwatch_rules.wording import counted

ExperimentArgument = Annotated[str, typer.Argument(help="Name of the experiment.")]
WhereOption = Annotated[
    str | None,
    typer.Option(metavar="CEL", help="Only trials for which this is true: hyperparameters by name, state, attempt."),
]


def stop(context: typer.Context, experiment: ExperimentArgument, where: WhereOption = None) -> None:
    """Cancel the trials that wait and stop those that run, one a second; without --where also the tuning job."""
    cloud = cloud_of(context)
    _experiment(cloud, experiment)
    if where is None:
        _stop_tunings(cloud, experiment)
    report = _steering(cloud).stop(experiment, condition(where))
    console(stderr=True).print(f"{report.cancelled} cancelled, {report.stopped} asked to stop")
    if report.unclear:
        raise CliError(f"{report.unclear} were being started and have no job yet: stop again in a minute")


def retry(
    context: typer.Context,
    experiment: ExperimentArgument,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Those that failed or were refused.")] = False,
    stopped: Annotated[bool, typer.Option("--stopped", help="Those that were stopped.")] = False,
    cancelled: Annotated[bool, typer.Option("--cancelled", help="Those that were cancelled before they ran.")] = False,
    region: Annotated[
        str | None, typer.Option(help="Those spared in this doomed region, as its alert names it.")
    ] = None,
) -> None:
    """Train trials once more, each as a new job, and go on with what a limit held."""
    chosen = {TrialState.FAILED, TrialState.REFUSED} if failed else set()
    chosen |= ({TrialState.STOPPED} if stopped else set()) | ({TrialState.CANCELLED} if cancelled else set())
    if not chosen and region is None:
        raise CliError("say which: --failed, --stopped, --cancelled, --region")
    cloud = cloud_of(context)
    if region is not None:
        try:
            count = _steering(cloud).retry_region(_experiment(cloud, experiment), region)
        except LookupError as error:
            raise CliError(str(error)) from error
        console(stderr=True).print(f"{counted(count, 'trial')} of the region wait again")
    if not chosen:
        return
    record = _experiment(cloud, experiment)
    if spec_of(record).tune:
        raise CliError("SageMaker launches the jobs of a tuning job: submit the spec again with revision raised by one")
    count = _steering(cloud).retry(record, chosen)
    console(stderr=True).print(f"{counted(count, 'trial')} wait again")


def condition(where: str | None) -> Callable[[TrialRecord], bool]:
    """The CEL expression as a condition on trials. Raises CliError for one that is not valid."""
    if where is None:
        return lambda trial: True
    try:
        asked = Condition.compile(where)
    except ExpressionError as error:
        raise CliError(f"--where {error}") from error

    def holds(trial: TrialRecord) -> bool:
        known: dict[str, Any] = {"state": trial.state.value, "attempt": trial.attempt, "index": trial.index}
        try:
            return asked.holds({**known, **trial.hyperparameters})
        except (ExpressionError, KeyError) as error:
            told = f"there is no {error}" if isinstance(error, KeyError) else str(error)
            raise CliError(f"--where cannot be said of trial {trial.index}: {told}") from error

    return holds


def _stop_tunings(cloud: Cloud, experiment: str) -> None:
    """Stop the tuning jobs first, so that no other training job takes the place of one that is stopped."""
    if not cloud.store.list_tunings(experiment):
        return
    from gridwatch.aws.tuning_stop import stop_tuning_job  # noqa: PLC0415  boto3 is slow to import

    sagemaker = cloud.session.client("sagemaker")
    done = stop_tunings(
        cloud.store, experiment, lambda name: stop_tuning_job(sagemaker, name), cloud.clock.now()
    )  # fmt: skip
    for line in done:
        console(stderr=True).print(line, markup=False)


def _experiment(cloud: Cloud, name: str) -> ExperimentRecord:
    record = cloud.store.get_experiment(name)
    if record is None:
        raise CliError(f"there is no experiment {name!r} (`gridwatch experiments` lists them)")
    return record


def _steering(cloud: Cloud) -> Steering:
    from gridwatch.aws.batch_training import training_service  # noqa: PLC0415  boto3 is slow to import
    from gridwatch.aws.queues import SqsQueue  # noqa: PLC0415  boto3 is slow to import

    return Steering(
        store=cloud.store,
        training=training_service(
            cloud.deployment.batch_job_queue,
            batch=cloud.session.client("batch"),
            sagemaker=cloud.session.client("sagemaker"),
        ),
        start_queue=SqsQueue(cloud.deployment.start_queue, cloud.session.sqs),
        snapshot_queue=SqsQueue(cloud.deployment.snapshot_queue, cloud.session.sqs),
        clock=cloud.clock,
        tell=lambda line: console(stderr=True).print(line, markup=False),
    )

"""`gridwatch analytics`: an experiment as CSV, in the layouts of the SageMaker SDK's analytics classes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gridwatch.cli.analytics.frames import Analytics
from gridwatch.cli.analytics.sdk_layouts import Layout
from gridwatch.cli.context import cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.output import console
from gridwatch_rules.visible import visible_text


def analytics(
    context: typer.Context,
    experiment: Annotated[str, typer.Argument(help="Name of the experiment.")],
    csv: Annotated[Path, typer.Option("--csv", help="Where to write; - for the terminal.")],
    layout: Annotated[
        Layout, typer.Option(help="Whose columns: ExperimentAnalytics, or the SDK's of tuning or training jobs.")
    ] = Layout.EXPERIMENT,
    job: Annotated[str | None, typer.Option(help="The training job, for --layout training.")] = None,
) -> None:
    """Write an experiment as CSV as the SageMaker SDK's analytics classes do, for notebooks made for those."""
    if (layout is Layout.TRAINING) != (job is not None):
        raise CliError("--layout training and --job belong together: a training job's curves")
    asked = Analytics(cloud_of(context))
    if layout is Layout.EXPERIMENT:
        frame = asked.experiment_analytics(experiment)
    elif layout is Layout.TUNING:
        frame = asked.tuning_job_analytics(experiment)
    else:
        frame = asked.training_job_analytics(job or "")
    if str(csv) == "-":
        print(visible_text(frame.to_csv()), end="")
        return
    csv.write_text(visible_text(frame.to_csv()))
    console(stderr=True).print(f"{len(frame)} rows and {len(frame.columns)} columns in {csv}")

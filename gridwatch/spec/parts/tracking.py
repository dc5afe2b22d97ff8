"""The section about where a trial is recorded besides Gridwatch's own tables."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gridwatch.spec.parts.section import Section


class Mlflow(Section):
    """MLflow on SageMaker: an app, or a tracking server, that the training jobs are told of."""

    # It becomes an environment variable, of which SageMaker takes 512 characters; CreateTrainingJob has 2048.
    resource: Annotated[
        str,
        Field(max_length=512, description="the ARN of an MLflow app or tracking server that the deployment allows"),
    ]
    experiment: Annotated[
        str | None, Field(min_length=1, max_length=256, description="MLflow's; by default the spec's name")
    ] = None


class Tracking(Section):
    """SageMaker's experiments and MLflow, beside each other, one instead of the other, or neither."""

    experiments: Annotated[bool, Field(description="whether SageMaker lists the jobs in an experiment of its own")] = (
        True
    )
    mlflow: Annotated[Mlflow | None, Field(description="MLflow on SageMaker")] = None

"""The section about checkpoints, from which a training job continues."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from gridwatch.spec.parts.section import Section


class Checkpoints(Section):
    """A folder in the container that SageMaker keeps in S3 while the job runs, and fills when it starts again."""

    uri: Annotated[
        str | None,
        Field(
            max_length=1_024,
            description="the address of an earlier checkpoint to go on from; by default each trial has its own",
        ),
    ] = None
    path: Annotated[
        str, StringConstraints(pattern=r"^/.*$", max_length=4_096), Field(description="in the container")
    ] = "/opt/ml/checkpoints"

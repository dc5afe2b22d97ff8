"""The section about preprocessing: it is recorded in SageMaker Experiments, not run by Gridwatch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from gridwatch.spec.parts.section import Section

# SageMaker's ProcessingJobName.
ProcessingJobName = Annotated[
    str, StringConstraints(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", min_length=1, max_length=63)
]


class Preprocessing(Section):
    """Where the data comes from, for whoever looks at the experiment in SageMaker: at least one of these."""

    script: Annotated[
        str | None,
        Field(max_length=1_024, description="the address of what prepared the data, s3://bucket/path/file.py"),
    ] = None
    jobs: Annotated[
        list[ProcessingJobName],
        Field(max_length=40, description="SageMaker processing jobs that did it, by name"),
    ] = Field(default_factory=list)

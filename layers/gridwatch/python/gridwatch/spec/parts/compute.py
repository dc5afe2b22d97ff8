"""The machines of a training job."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gridwatch.spec.parts.section import Section
from gridwatch.spec.values import Seconds


class Resources(Section):
    """The machines of one training job."""

    instance_type: Annotated[str, Field(max_length=32, description="such as ml.m5.large")] = "ml.m5.large"
    instance_count: Annotated[int, Field(ge=1, le=100)] = 1
    volume_gb: Annotated[int, Field(ge=1, le=16_384, description="storage of each instance")] = 10
    max_runtime: Annotated[Seconds, Field(description="of one job; SageMaker stops it then")] = 86_400

"""The inputs of a training job."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gridwatch.spec.parts.section import Section


class Channel(Section):
    """One input of the training job."""

    uri: Annotated[
        str,
        Field(
            min_length=1, max_length=1_024, description="s3://bucket/prefix, or below data/ of the experiments bucket"
        ),
    ]
    content_type: Annotated[str, Field(min_length=1, max_length=256, description="such as text/csv")]

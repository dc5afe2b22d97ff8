"""The section about continuing from an earlier training."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gridwatch.spec.parts.section import ChannelName, ExperimentName, Section


class StartFrom(Section):
    """An earlier model, given to the jobs as a channel: `model`, or the best trial of an earlier `experiment`."""

    model: Annotated[
        str | None, Field(max_length=1_024, description="the address of a model artifact, s3://…/model.tar.gz")
    ] = None
    experiment: Annotated[
        ExperimentName | None, Field(description="whose best completed trial's model it is, by that spec's objective")
    ] = None
    channel: Annotated[ChannelName, Field(description="in which the jobs find it")] = "model"

"""What is saved of a training job for the rules to look at."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gridwatch.spec.parts.section import Section

Reduction = Literal["min", "max", "median", "mean", "std", "variance", "sum", "prod", "l1", "l2",
                    "abs_min", "abs_max", "abs_median", "abs_mean", "abs_std", "abs_variance", "abs_sum", "abs_prod",
                    "abs_l1", "abs_l2"]  # fmt: skip


class Collection(Section):
    """What of one tensor collection is saved, in the terms of Debugger's CollectionConfiguration."""

    save_interval: Annotated[int | None, Field(ge=1, description="save every so many steps")] = None
    save_steps: Annotated[list[Annotated[int, Field(ge=0)]] | None, Field(min_length=1, max_length=40)] = None
    start_step: Annotated[int | None, Field(ge=0)] = None
    end_step: Annotated[int | None, Field(ge=1)] = None
    include_regex: Annotated[str | None, Field(min_length=1, max_length=256, description="tensors, by name")] = None
    reductions: Annotated[list[Reduction] | None, Field(min_length=1, description="save these of each tensor")] = None
    save_raw_tensor: Annotated[bool | None, Field(description="beside reductions, the tensor whole")] = None

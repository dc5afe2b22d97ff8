"""What trains."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gridwatch.spec.parts.section import Section


class Algorithm(Section):
    """What trains."""

    name: Annotated[Literal["xgboost"], Field(description="SageMaker's XGBoost")]
    version: Annotated[str, Field(max_length=16, description="of AWS's image, such as 3.2-0")]

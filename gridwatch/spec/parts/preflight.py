"""The section about how the checks before a launch weigh."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from gridwatch.domain.notices import CHECKS, Weights
from gridwatch.spec.parts.section import Section
from gridwatch.spec.problems import did_you_mean


def _known(check: str) -> str:
    if check not in CHECKS:
        hint = did_you_mean(check, CHECKS)
        raise ValueError(f"there is no check {check!r}{f': {hint}' if hint else ''}; checks are {', '.join(CHECKS)}")
    return check


Check = Annotated[str, Field(max_length=32, json_schema_extra={"enum": list(CHECKS)}), AfterValidator(_known)]


class Preflight(Section):
    """Checks of data and spec before anything is launched; docs/preflight.md has them."""

    refuse: Annotated[list[Check], Field(max_length=len(CHECKS), description="nothing is launched over these")] = Field(
        default_factory=list
    )
    warn: Annotated[list[Check], Field(max_length=len(CHECKS), description="these are told and no more")] = Field(
        default_factory=list
    )
    skip: Annotated[list[Check], Field(max_length=len(CHECKS), description="these are not told")] = Field(
        default_factory=list
    )

    @property
    def weights(self) -> Weights:
        return Weights(frozenset(self.refuse), frozenset(self.warn), frozenset(self.skip))

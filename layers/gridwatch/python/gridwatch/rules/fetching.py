"""Which bytes of a step its rules will ask for, so that they can be fetched together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gridwatch.rules.requirement import Requirement
from gridwatch.tensors.source import ByteRange
from gridwatch.tensors.steps import SavedStep

if TYPE_CHECKING:
    from gridwatch.rules.view import StepView


def places_wanted(saved: SavedStep, requirements: Sequence[Requirement], view: StepView) -> list[ByteRange]:
    """The places of the tensors, or of their reductions where these do, that the requirements name at a step."""
    wanted: list[ByteRange] = []
    for requirement in requirements:
        for name in view.names(requirement):
            wanted.extend(_places(saved, name, requirement))
    return wanted


def _places(saved: SavedStep, name: str, requirement: Requirement) -> list[ByteRange]:
    reductions = saved.reductions(name)
    if requirement.reductions and all(kind in reductions for kind in requirement.reductions):
        return [reductions[kind] for kind in requirement.reductions]
    if requirement.all_workers:
        whole = list(saved.places(name).values())
    else:
        first = saved.place(name)
        whole = [first] if first is not None else []
    return whole or list(reductions.values())

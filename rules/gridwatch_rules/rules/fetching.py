"""Finds the bytes of a step that its rules will ask for, so that they can be fetched together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.tensors.source import ByteRange
from gridwatch_rules.tensors.steps import SavedStep

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


def places_wanted(saved: SavedStep, requirements: Sequence[Requirement], view: StepView) -> list[ByteRange]:
    """The places of the tensors that the requirements name at a step, or of their reductions where those suffice."""
    wanted: list[ByteRange] = []
    for requirement in requirements:
        for name in view.names(requirement):
            wanted.extend(_places(saved, name, requirement))
    return wanted


def _places(saved: SavedStep, name: str, requirement: Requirement) -> list[ByteRange]:
    if requirement.reductions:
        reductions = saved.reductions(name)
        if all(kind in reductions for kind in requirement.reductions):
            return [reductions[kind] for kind in requirement.reductions]
    whole = [each.tensors[name] for each in saved.workers if name in each.tensors]
    if not whole:
        return list(saved.reductions(name).values())
    return whole if requirement.all_workers else whole[:1]

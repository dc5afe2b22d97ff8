"""The rows that a training's thread fills, one for each step, and that another thread writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol


class Reading(Protocol):
    """A number that a device has yet to hand over. Reading never waits."""

    def value(self) -> float | None:
        """The number; None while it has not arrived."""
        ...


Scalar = float | Reading


@dataclass(slots=True)
class Row:
    """The numbers and tensors of one step. `curves` go to the collection `metrics`, or to `losses` by their name."""

    step: int
    wall_time: float
    losses: list[Scalar] = field(default_factory=list)  # what backward was called on; their sum is the step's loss
    scalars: dict[str, Scalar] = field(default_factory=dict)  # about the training: learning rate, times
    curves: dict[str, Scalar] = field(default_factory=dict)  # reported values: losses and metrics by name
    tensors: dict[str, Any] = field(default_factory=dict)
    members: list[tuple[str, str]] = field(default_factory=list)  # collection and name of tensors that no pattern names
    reported: bool = False  # the training itself reported numbers of this step
    kept: bool = True  # false: the step is too soon after others, and is saved only if its loss is not finite

    def settled(self) -> bool:
        """Whether every number has arrived; those that have are plain numbers afterwards."""
        done = True
        for position, loss in enumerate(self.losses):
            if not isinstance(loss, float | int):
                found = loss.value()
                done = done and found is not None
                self.losses[position] = loss if found is None else found
        for values in (self.scalars, self.curves):
            for name, scalar in values.items():
                if not isinstance(scalar, float | int):
                    found = scalar.value()
                    done = done and found is not None
                    values[name] = scalar if found is None else found
        return done

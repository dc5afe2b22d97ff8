"""The dial `stopping`: how readily GridDefault gives a trial up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Stopping(StrEnum):
    """The three settings of the dial."""

    CAUTIOUS = "cautious"
    BALANCED = "balanced"
    EAGER = "eager"


STOPPING_RULE = "GridDefault"  # the rule whose parameter `stopping` the dial is
STOPPINGS = tuple(str(each) for each in Stopping)


class Ground(StrEnum):
    """An independent reason for which a trial may be given up."""

    OUTSIDE = "outside"
    LOST = "lost"
    EXTRAPOLATED = "extrapolated"
    BEHIND = "behind"
    BEYOND = "beyond"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: `agree` of the `grounds` must hold at the same report. `top` is the share of the known trials that
    counts as good, at least `min_trials`; a trial is granted `margin` times its noise. It is beyond reach when it needs
    more than `reach` times the largest gain of others. With `proven` nothing is given up before the grid has shown that
    its present ranks foretell its last ones.
    """

    agree: int
    grounds: tuple[Ground, ...]
    top: float
    min_trials: int
    margin: float = 4.0
    reach: float = 1.0
    proven: bool = False


# The grounds stand in the order of their cost, so that the dearest is asked only where it decides.
_THREE = (Ground.OUTSIDE, Ground.LOST, Ground.EXTRAPOLATED)
_FIVE = (Ground.OUTSIDE, Ground.LOST, Ground.BEHIND, Ground.EXTRAPOLATED, Ground.BEYOND)
SETTINGS: Mapping[Stopping, Setting] = {
    Stopping.CAUTIOUS: Setting(3, (*_THREE, Ground.BEYOND), 0.25, 8, margin=10.0, proven=True),
    Stopping.BALANCED: Setting(2, _THREE, 0.15, 8),
    Stopping.EAGER: Setting(2, _FIVE, 0.15, 5, reach=1.5),
}

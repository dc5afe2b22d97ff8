"""Names the numbers that a training reports about itself, and computes the robust figures by which rules judge them.

The names are those that Gridwatch's watch writes, and those that scripts and frameworks commonly log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from statistics import median

# The whole loss of a training, not one of its terms: a term may rise in a healthy training.
TRAINING_LOSS = r"^(?:train(?:ing)?[-/_.:])?(?:logged_)?loss(?:[-/_.:]train(?:ing)?|[-/_.:]step)?$|Loss_output_\d+$"
GRADIENT_NORM = r"^(?:train(?:ing)?[-/_.:])?(?:grad|gradient)[-_]norm$"
LEARNING_RATE = r"^(?:train(?:ing)?[-/_.:])?(?:learning_rate|lr)(?:/\d+)?$|^lr-"
SKIPPED_STEPS = "skipped_steps"
STEP_SECONDS = "step_seconds"
DATA_WAIT_SECONDS = "data_wait_seconds"
OWN_SECONDS = "own_seconds"  # of a step, the time in which no rank waits for another

_REWARDS = re.compile(r"(?:^|[^a-z])(?:reward|return|episode|advantage)s?(?:$|[^a-z])", re.IGNORECASE)
_NORMAL = 1.4826  # the standard deviation of a normal distribution over its median absolute deviation


def noise(values: Sequence[float], level: float) -> float:
    """The standard deviation of values around their level, by the median absolute deviation, which outliers do not
    move.

    Source: Rousseeuw and Croux, "Alternatives to the Median Absolute Deviation" (1993).
    """
    return _NORMAL * median(abs(value - level) for value in values)


def learns_by_reward(names: Iterable[str]) -> bool:
    """Whether a training reports rewards. Its loss follows the data that the policy meets, and need not fall."""
    return any(_REWARDS.search(name) for name in names)

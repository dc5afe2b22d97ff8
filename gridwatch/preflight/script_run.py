"""Judges a short training by a user's script: compares its losses with what they should be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch.domain.notices import Level, Notice

_TOLERANCE = 0.5  # of the expected loss: a network's first guesses are random, and nobody fits its bias first
_LEARNED = 0.5  # of the first loss, that may be left of one batch
_STEPS = 100  # with one batch, before what is left of the loss says anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """The results of one run of pytorch_probe.py.

    `first`, `last`: the loss at the first step and the median of the last ten, None when not finite or never told to
    `backward`. `targets` of the first step, when the loss is a mean cross entropy (`kind` classes, with their `classes`
    and `counts`) or squared error (`kind` numbers, with `variance` and mean `square`). `batches`: how many came from
    data loaders.
    """

    steps: int
    first: float | None
    last: float | None
    targets: Mapping[str, Any] | None
    not_finite: str | None
    batches: int
    optimizers: int

    @property
    def can_hold_a_batch(self) -> bool:
        """Whether a second run can be given its first batch over and over."""
        return self.not_finite is None and self.first is not None and self.batches > 0 and self.optimizers == 1


def expected_loss(targets: Mapping[str, Any]) -> tuple[float, float]:
    """The range in which a network's loss before its first step should lie, before any tolerance.

    For cross entropy it is from the entropy of the classes' shares in the batch (a constant that is the base rate) to
    ln(classes) (all classes alike, as with small random weights). For squared error it is from the targets' variance
    (their mean is guessed) to their mean square (0 is guessed).
    """
    if targets["kind"] == "numbers":
        return float(targets["variance"]), float(targets["square"])
    total = sum(targets["counts"])
    shares = [count / total for count in targets["counts"] if count]
    return -sum(share * math.log(share) for share in shares), math.log(max(2, targets["classes"]))


def judge(looked: Probed, batch: Probed | None) -> Iterator[Notice]:
    """The notices about a short training. `batch`: the run with one batch, None when there was none. Values that are
    not finite are reported alone.
    """
    if looked.not_finite:
        yield Notice(
            check="short-run-gradients", message=f"{looked.not_finite} is not finite",
            advice="look for a learning rate that is too large, and for infinite or very large inputs",
        )  # fmt: skip
        return
    if looked.first is None or not looked.steps:
        message = "the script called no optimizer after a loss's backward(): nothing can be said of it"
        yield Notice(check="short-run", message=message, level=Level.NOTE)
        return
    yield from _initial(looked.first, looked.targets)
    yield from _overfits(looked, batch)


def _initial(first: float, targets: Mapping[str, Any] | None) -> Iterator[Notice]:
    if targets is None:
        message = f"the first loss is {first:.4g}; what it should be is known for mean cross entropy and squared error"
        yield Notice(check="short-run", message=message, level=Level.NOTE)
        return
    least, most = expected_loss(targets)
    if not least * (1 - _TOLERANCE) <= first <= most * (1 + _TOLERANCE):
        expected = f"{least:.4g}" if least == most else f"{least:.4g} to {most:.4g}"
        yield Notice(
            check="short-run-initial-loss", message=f"the first loss is {first:.4g} where {expected} is expected",
            advice="inputs or targets are not scaled, the first weights are too large, or the input holds the label",
        )  # fmt: skip


def _overfits(looked: Probed, batch: Probed | None) -> Iterator[Notice]:
    if batch is None:
        if not looked.can_hold_a_batch:
            reason = "its batches come from no DataLoader" if looked.optimizers == 1 else "it has several optimizers"
            message = f"whether it overfits one batch was not tried: {reason}"
            yield Notice(check="short-run", message=message, level=Level.NOTE)
        return
    first, last = batch.first, batch.last
    if first is None or last is None or batch.not_finite:
        message = f"with one batch over and over, {batch.not_finite or 'the loss'} is not finite"
        yield Notice(check="short-run-gradients", message=message)
    elif last <= _LEARNED * first:
        return
    elif batch.steps < _STEPS:
        message = f"whether it overfits one batch cannot be said: only {batch.steps} steps were made in the time"
        yield Notice(check="short-run", message=message, level=Level.NOTE)
    else:
        yield Notice(
            check="short-run-overfits",
            message=f"one batch cannot be learned by heart: in {batch.steps} steps with Adam the loss went from "
            f"{first:.4g} to {last:.4g}",
            advice="some weights get no gradients, the inputs say nothing, or the loss is not that of the outputs",
        )

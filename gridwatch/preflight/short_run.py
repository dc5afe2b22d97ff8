"""Judges a short training on a sample: compares its losses with what they should be."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridwatch.domain.notices import Level, Notice

# Objective -> whether its loss, as measured, is a cross entropy (else a mean squared error).
OBJECTIVES = {
    "binary:logistic": True, "multi:softmax": True, "multi:softprob": True,
    "reg:squarederror": False, "reg:linear": False,
}  # fmt: skip
_TOLERANCE = 0.1  # of the expected loss
_LEARNED = 0.25  # of the loss before, that may be left of one small batch
_GAIN = 0.01  # of the loss before, that must be won on rows held out
_ENOUGH = 100  # rows held out, before what they say is no accident


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The output of hook/xgboost_script/short_run.py; a loss of None was not finite. `before` is that of the model
    without a tree.
    """

    rows: int
    before: float | None
    after: float | None
    finite: bool
    rounds: int
    eta: float
    batch_rows: int
    batch_before: float | None
    batch_after: float | None
    held_out_rows: int
    held_out_before: float | None
    held_out_best: float | None


def expected_loss(labels: Sequence[float], objective: str) -> tuple[float, float]:
    """The range in which the loss of a model without a tree should lie, before any tolerance.

    For cross entropy it is from the entropy of the classes' shares (a constant that is the base rate: Cover and Thomas,
    Elements of Information Theory, 2006, section 2.1) to ln(num_class), or ln 2 (all classes alike). For squared error
    it is the labels' variance (a constant that is the mean). XGBoost fits this constant unless base_score is given.
    """
    count = len(labels)
    if OBJECTIVES[objective]:
        shares = [number / count for number in Counter(labels).values()]
        return -sum(share * math.log(share) for share in shares), math.log(max(2, len(shares)))
    mean = math.fsum(labels) / count
    variance = math.fsum((label - mean) ** 2 for label in labels) / count
    return variance, variance


def judge(measured: Measured, labels: Sequence[float], objective: str) -> Iterator[Notice]:
    """The notices about a short training. `labels`: those of the sample. Values that are not finite are reported alone,
    since other losses then mean nothing.
    """
    losses = (measured.before, measured.after, measured.batch_before, measured.batch_after)
    before, after, batch_before, batch_after = losses
    if not measured.finite or before is None or after is None or batch_before is None or batch_after is None:
        yield _notice(
            "short-run-gradients", "after the first round the predictions or their loss are not finite",
            "look for infinite or very large labels and features",
        )  # fmt: skip
        return
    yield from _initial(before, after, expected_loss(labels, objective))
    if batch_after > _LEARNED * batch_before:
        yield _notice(
            "short-run-overfits",
            f"{measured.batch_rows} rows cannot be learned by heart: the loss went from {batch_before:.4g} to "
            f"{batch_after:.4g} in {measured.rounds} rounds with eta {measured.eta:g}",
            "eta times num_round is too small, or rows with equal features have different labels",
        )
    else:
        yield from _learns(measured)


def judge_rounds(
    rounds: Sequence[Mapping[str, Any]], points: Sequence[Mapping[str, Any]], ranked_by: str, rows: int
) -> Iterator[Notice]:
    """The notices about the first rounds of some trials, by the spec's own metrics; each kind of fault is reported
    once.
    """
    told: set[str] = set()
    for said, point in zip(rounds, points, strict=True):
        where = f" (a trial with {_varied(point, points)})" if len(points) > 1 and _varied(point, points) else ""
        error = said.get("error")
        if error is not None and error not in told:
            told.add(error)
            message = f"the training of {rows:,} rows failed{where}: {error}"
            yield Notice(check="short-run", message=message, channel="train")
        for name, value in said.get("values", {}).items():
            if value is None and name not in told:
                told.add(name)
                message = f"the first round's {name} is no number{where}"
                level = None if name == ranked_by else Level.WARN
                advice = "take another metric: trials would be compared by nothing" if level is None else None
                yield Notice(check="short-run", message=message, channel="train", level=level, advice=advice)


def _varied(point: Mapping[str, Any], points: Sequence[Mapping[str, Any]]) -> str:
    """The hyperparameters by which the trials differ."""
    names = [name for name in point if len({repr(other.get(name)) for other in points}) > 1]
    return ", ".join(f"{name} {point[name]}" for name in names)


def _initial(before: float, after: float, expected: tuple[float, float]) -> Iterator[Notice]:
    least, most = expected
    if not least * (1 - _TOLERANCE) <= before <= most * (1 + _TOLERANCE):
        yield _notice(
            "short-run-initial-loss",
            f"the model without a tree loses {before:.4g} where {_span(least, most)} is expected",
            "base_score is far from the labels' mean, or the labels are not what the objective takes them for",
        )
    if after > before * (1 + _TOLERANCE):
        yield _notice(
            "short-run-initial-loss", f"the first round raises the loss from {before:.4g} to {after:.4g}",
            "try a smaller eta, or a larger lambda",
        )  # fmt: skip


def _learns(measured: Measured) -> Iterator[Notice]:
    before, best = measured.held_out_before, measured.held_out_best
    if before is None or best is None or measured.held_out_rows < _ENOUGH or best <= before * (1 - _GAIN):
        return
    yield _notice(
        "short-run-learns",
        f"on {measured.held_out_rows} rows held out the training loses {best:.4g} at best, a constant {before:.4g}: "
        "nothing was learned that holds for other rows",
        "the labels may be shuffled, noise, or another column's",
    )


def _span(least: float, most: float) -> str:
    return f"{least:.4g}" if least == most else f"{least:.4g} to {most:.4g}"


def _notice(check: str, message: str, advice: str) -> Notice:
    return Notice(check=check, message=message, channel="train", advice=advice)

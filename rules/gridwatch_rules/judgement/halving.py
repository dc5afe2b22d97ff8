"""Rules by successive halving: only the best share of the trials that reach a rung continues."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

from gridwatch_rules.judgement.history import Curve, History, Statistic
from gridwatch_rules.judgement.rule import Judgement, JudgementParameters, JudgementRule
from gridwatch_rules.rules.parameters import integer, number


@dataclass(frozen=True, slots=True)
class ASHAParameters(JudgementParameters):
    reduction_factor: float = number(3.0, "one of so many trials goes on from each rung", minimum=1.01)
    grace: int = integer(1, "the resource of the first rung", minimum=1)


class ASHA(JudgementRule):
    """Stops a trial that reaches a rung and is not among the best 1 / `reduction_factor` of all that reached it so far.

    Rungs lie at grace * reduction_factor ** k. Among the first trials at a rung, fewer than `reduction_factor`, only
    the best so far continues. Asynchronous successive halving in its stopping form: Li et al., "A System for Massively
    Parallel Hyperparameter Tuning" (MLSys 2020); the selection is that of Optuna's SuccessiveHalvingPruner.
    """

    name = "ASHA"
    summary = "not among the best share of the trials at a rung (asynchronous successive halving)"
    Parameters = ASHAParameters
    parameters: ASHAParameters

    @property
    def resource_needed(self) -> float:
        return self.parameters.grace

    def compare(self, curve: Curve, history: History) -> Judgement | None:
        at = rung_reached(curve, self.parameters.grace, self.parameters.reduction_factor)
        if at is None:
            return None
        ranked = history.ranked(Statistic.VALUE, at)
        kept = max(int(len(ranked) / self.parameters.reduction_factor), 1)
        value, limit = curve.at(Statistic.VALUE, at), ranked[kept - 1]
        if value <= limit:
            return None
        because = f"it is not among the best {kept} of the {len(ranked)} trials that came to the rung at {at:g}"
        return self.stop(
            curve, history, observed=value, threshold=limit, because=because, others=ranked, details={"rung": at}
        )


def rung_reached(curve: Curve, grace: float, factor: float) -> float | None:
    """The highest rung that the last report reached and the one before did not."""
    at = curve.reached
    if at < grace:
        return None
    # Rounding may make the logarithm miss a rung.
    rung = math.floor(math.log(at / grace, factor) + 1e-9)
    resource = grace * factor**rung
    return resource if bisect_left(curve.resources, resource) == len(curve.resources) - 1 else None


@dataclass(frozen=True, slots=True)
class HyperbandParameters(JudgementParameters):
    reduction_factor: float = number(3.0, "one of so many trials goes on from each rung", minimum=1.01)
    min_resource: int = integer(1, "the first rung of the most aggressive bracket", minimum=1)
    max_resource: int | None = integer(None, "the resource of a whole training; by default as planned", minimum=1)


class Hyperband(JudgementRule):
    """Successive halving in several brackets. Their first rungs lie at min_resource * reduction_factor ** k.

    A checksum of a trial's name chooses its bracket, in proportion to the brackets' budgets. The trial is compared only
    with the trials of its bracket. Li et al., "Hyperband" (JMLR 2018), run asynchronously; the number of brackets and
    their shares are those of Optuna's HyperbandPruner.
    """

    name = "Hyperband"
    summary = "asynchronous successive halving in brackets of different patience"
    Parameters = HyperbandParameters
    parameters: HyperbandParameters

    @property
    def resource_needed(self) -> float:
        return self.parameters.min_resource

    def compare(self, curve: Curve, history: History) -> Judgement | None:
        chosen = self.parameters
        whole = chosen.max_resource or curve.planned or history.furthest
        if not whole:
            return None
        shares = _shares(float(whole), chosen.min_resource, chosen.reduction_factor)
        bracket = bracket_of(curve.trial, shares)
        at = rung_reached(curve, chosen.min_resource * chosen.reduction_factor**bracket, chosen.reduction_factor)
        if at is None:
            return None
        ranked = sorted(
            each.at(Statistic.VALUE, at)
            for each in history
            if each.reached >= at and bracket_of(each.trial, shares) == bracket
        )
        kept = max(int(len(ranked) / chosen.reduction_factor), 1)
        value, limit = curve.at(Statistic.VALUE, at), ranked[kept - 1]
        if value <= limit:
            return None
        because = f"it is not among the best {kept} of {len(ranked)} at the rung {at:g} of bracket {bracket}"
        details = {"rung": at, "bracket": bracket}
        return self.stop(
            curve, history, observed=value, threshold=limit, because=because, others=ranked, details=details
        )


@lru_cache(maxsize=64)
def _shares(whole: float, least: float, factor: float) -> tuple[int, ...]:
    """The number of trials that begin in each bracket in one round of brackets, the most aggressive bracket first."""
    brackets = math.floor(math.log(max(whole / least, 1), factor) + 1e-9) + 1
    rungs = range(brackets - 1, -1, -1)
    return tuple(math.ceil(brackets * factor**rung / (rung + 1)) for rung in rungs)


@lru_cache(maxsize=65536)
def bracket_of(trial: str, shares: tuple[int, ...]) -> int:
    """The bracket of a trial, which depends only on the trial's name and the shares."""
    place = crc32(trial.encode()) % sum(shares)
    for bracket, share in enumerate(shares):
        place -= share
        if place < 0:
            return bracket
    raise AssertionError("the shares add up to more than any place")

"""Whether an experiment's hypothesis holds: its CEL expression over the trials' results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridwatch_rules.expressions import Condition, ExpressionError


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a hypothesis. `holds` is None while it is undecided; `reason` says in words why, or by what it was
    judged.
    """

    holds: bool | None
    reason: str

    @property
    def word(self) -> str:
        return "undecided" if self.holds is None else "holds" if self.holds else "does not hold"


def judge(expression: str | None, ranked: Sequence[Mapping[str, Any]], *, complete: bool) -> Verdict:
    """Judge a hypothesis. `ranked`: hyperparameters and `objective` of every trial with an objective, the best first.

    The expression sees `best` (the first of them), `trials` (all) and `count`. Numbers are as in the spec: whole ones
    are integers, the objective is a double.
    """
    if expression is None:
        return Verdict(None, "the spec gives it in words only, so a person has to judge")
    if not ranked:
        return Verdict(None, "no trial has a value of the objective yet")
    known = {"best": dict(ranked[0]), "trials": [dict(each) for each in ranked], "count": len(ranked)}
    try:
        answer = Condition.compile(expression).holds(known)
    except (ExpressionError, KeyError) as error:
        told = f"there is no {error}" if isinstance(error, KeyError) else str(error)
        return Verdict(None, f"the expression could not be evaluated: it {told}")
    so_far = "" if complete else ", so far: not every trial is over"
    return Verdict(answer, f"by the results of {len(ranked)} trial{'s' if len(ranked) > 1 else ''}{so_far}")

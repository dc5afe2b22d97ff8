"""TreeDepth: the trees of an XGBoost model grow too deep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.numbers import numbers_of
from gridwatch_rules.rules.parameters import integer
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class TreeDepthParameters:
    depth: int = integer(4, "the depth that is no issue", minimum=0)


class TreeDepth(Rule):
    """Fires when floor(log2(largest node number)) of the tree saved in `trees/Node` exceeds `depth`.

    Nodes are numbered from 0 at the root, level by level; in a tree that grew unevenly XGBoost numbers them as they
    come, and the formula, which is AWS's, gives the least depth that the tree can have. The hook's collection is
    `trees`. Source: SageMaker Developer Guide, "List of Debugger built-in rules", TreeDepth.
    """

    name = "TreeDepth"
    summary = "trees grow deeper than they should"
    Parameters = TreeDepthParameters
    parameters: TreeDepthParameters
    judged = 0

    def requirement(self) -> Requirement:
        return Requirement(patterns=(r"(^|/)trees/Node$",))

    def check(self, view: StepView) -> Finding | None:
        for name in view.names(self.required):
            nodes = numbers_of(view, name)
            self.judged += nodes is not None
            largest = int(nodes.max()) if nodes is not None else 0
            depth = int(math.log2(largest)) if largest > 0 else 0
            if depth > self.parameters.depth:
                sentence = f"the tree of this round is {depth} levels deep (limit {self.parameters.depth})"
                return self.finding(view, name, depth, self.parameters.depth, sentence)
        return None

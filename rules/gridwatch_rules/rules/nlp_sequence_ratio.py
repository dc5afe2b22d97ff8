"""NLPSequenceRatio: too much of the input sequences is one token, such as padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.numbers import numbers_of
from gridwatch_rules.rules.parameters import numbers, patterns
from gridwatch_rules.rules.requirement import Collect, Requirement
from gridwatch_rules.rules.rule import Rule

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class NLPSequenceRatioParameters:
    tensor_regex: tuple[str, ...] = patterns((".*embedding0_input_0",), "patterns of the input's name")
    token_values: tuple[float, ...] = numbers((0.0,), "the tokens that are counted")
    token_thresholds_percent: tuple[float, ...] = numbers(
        (50.0,), "for each token the percentage that is no issue", minimum=0, maximum=100
    )


class NLPSequenceRatio(Rule):
    """Fires when more than its percentage of an input's elements equals a token.

    Source: SageMaker Developer Guide, "List of Debugger built-in rules", NLPSequenceRatio.
    """

    name = "NLPSequenceRatio"
    summary = "too much of the input sequences is one token"
    collect = (Collect("input_sequence", {"include_regex": ".*embedding0_input_0", "save_interval": "500"}),)
    Parameters = NLPSequenceRatioParameters
    parameters: NLPSequenceRatioParameters
    judged = 0

    def requirement(self) -> Requirement:
        tokens, limits = self.parameters.token_values, self.parameters.token_thresholds_percent
        if len(tokens) != len(limits):
            raise RuleConfigurationError(
                f"{self.name}: {len(tokens)} token_values need as many token_thresholds_percent, not {len(limits)}"
            )
        return Requirement(patterns=self.parameters.tensor_regex)

    def check(self, view: StepView) -> Finding | None:
        limits = tuple(zip(self.parameters.token_values, self.parameters.token_thresholds_percent, strict=True))
        for name in view.names(self.required):
            values = numbers_of(view, name)
            if values is None:
                continue
            self.judged += 1
            for token, limit in limits:
                percent = 100.0 * float((values == token).sum()) / values.size
                if percent > limit:
                    sentence = f"{percent:.3g} % of {name} is the token {token:g} (limit {limit:g} %)"
                    return self.finding(view, name, percent, limit, sentence)
        return None

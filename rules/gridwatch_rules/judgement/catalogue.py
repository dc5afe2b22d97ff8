"""Every rule across trials by its name. A rule is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, cast

from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.suggestions import closest

if TYPE_CHECKING:  # imported late: callers that only need names have no rule across trials
    from gridwatch_rules.judgement.rule import JudgementRule

# rule -> module in this package; the class has the rule's name
_MODULES: Mapping[str, str] = {
    "ASHA": "halving",
    "BanditStopping": "bandit",
    "CurveExtrapolation": "extrapolation",
    "GridDefault": "grid_default",
    "Hyperband": "halving",
    "KatibMedianStopping": "median",
    "MedianStopping": "median",
    "Patience": "patience",
    "PercentileStopping": "percentile",
    "TruncationStopping": "percentile",
}


def judgement_rule_names() -> tuple[str, ...]:
    """All rules across trials, in alphabetical order."""
    return tuple(sorted(_MODULES))


def is_judgement_rule(name: str) -> bool:
    """Whether the rule of that name compares trials."""
    return name in _MODULES


def judgement_rule_class(name: str) -> type[JudgementRule]:
    """The class of a rule. Raises RuleConfigurationError listing the known rules."""
    module = _MODULES.get(name)
    if module is None:
        meant = closest(name, _MODULES)
        hint = f"did you mean {meant}? " if meant else ""
        known = ", ".join(judgement_rule_names())
        raise RuleConfigurationError(f"there is no rule across trials {name!r}: {hint}they are {known}")
    return cast("type[JudgementRule]", getattr(import_module(f"gridwatch_rules.judgement.{module}"), name))


def create_judgement_rule(name: str, parameters: Mapping[str, object]) -> JudgementRule:
    """Create the rule with these parameters. Raises RuleConfigurationError."""
    return judgement_rule_class(name).create(parameters)

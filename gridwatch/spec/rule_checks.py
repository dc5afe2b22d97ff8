"""Checks of a spec's rules: each exists, has parameters that it accepts, and has a name of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gridwatch.spec.model import RuleUse
from gridwatch.spec.problems import Path, Problem, did_you_mean, enumerated, shown
from gridwatch.spec.rule_source import ALLOWED, source_problem
from gridwatch_rules.judgement.catalogue import create_judgement_rule, is_judgement_rule, judgement_rule_names
from gridwatch_rules.rules.catalogue import create_rule, rule_names
from gridwatch_rules.rules.errors import RuleConfigurationError


def check_rules(rules: Sequence[RuleUse]) -> Iterator[Problem]:
    """Every problem of the rules, one by one and of their names together."""
    names: dict[str, int] = {}
    for index, use in enumerate(rules):
        if use.title in names:
            advice = "give each a name of its own"
            message = f"rules[{names[use.title]}] has the same name {shown(use.title)}"
            yield Problem(path=("rules", index), message=message, advice=advice)
        names.setdefault(use.title, index)
        kind = _kind_problem(index, use)
        if kind is not None:
            yield kind
        elif use.source is not None:
            yield from _own_rule(index, use)
        else:
            yield from _known_rule(index, use)


def _kind_problem(index: int, use: RuleUse) -> Problem | None:
    """The problem of a rule that is not exactly one of three kinds."""
    given = [name for name in ("rule", "when", "source") if getattr(use, name) is not None]
    allowed = "rule, or when, or source with class"
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        return Problem(
            path=("rules", index), message="it is not clear which rule is meant", found=found, allowed=allowed
        )
    if (use.class_ is None) is (given == ["source"]):
        return Problem(path=("rules", index), message="source and class belong together", allowed=allowed)
    if given == ["when"] and "expression" in use.parameters:
        return Problem(
            path=("rules", index, "parameters", "expression"), message="when says this", advice="leave it out"
        )
    return None


def _own_rule(index: int, use: RuleUse) -> Iterator[Problem]:
    wrong = source_problem(use.source or "")
    if wrong:
        path = ("rules", index, "source")
        yield Problem(path=path, message=wrong, found=shown(use.source), allowed=ALLOWED)


def _known_rule(index: int, use: RuleUse) -> Iterator[Problem]:
    across = is_judgement_rule(use.rule_class)
    known = (*rule_names(), *judgement_rule_names())
    if use.rule_class not in known:
        yield Problem(
            path=("rules", index, "rule"), message="there is no such rule", found=shown(use.rule),
            allowed=enumerated(known), advice=did_you_mean(use.rule_class, known),
        )  # fmt: skip
        return
    try:
        (create_judgement_rule if across else create_rule)(use.rule_class, use.all_parameters)
    except RuleConfigurationError as error:
        path = ("rules", index, "when") if use.when is not None else _rule_path(index, use.parameters, str(error))
        yield Problem(path=path, message=str(error))


def _rule_path(index: int, parameters: Mapping[str, Any], message: str) -> Path:
    """The path of the parameter that the message names, if it is one that was given."""
    named = [name for name in parameters if f"{name} = " in message or repr(name) in message]
    return ("rules", index, "parameters", *named[:1])

"""Rule sets: the rules of a spec in a document of their own, for training jobs that Gridwatch did not launch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from gridwatch.domain.rules import RulePolicy
from gridwatch.spec.directions import warn_of_objective, warn_of_rules
from gridwatch.spec.explain import problems_of
from gridwatch.spec.judgement import AuditField
from gridwatch.spec.model import Mode, Objective, RuleUse
from gridwatch.spec.parse import policy_of
from gridwatch.spec.parts.section import Section
from gridwatch.spec.problems import Problem, SpecError
from gridwatch.spec.reading import Document, read_document
from gridwatch.spec.ready_rules import written_out
from gridwatch.spec.rule_checks import check_rules
from gridwatch_rules.judgement.catalogue import is_judgement_rule


class RuleSet(Section):
    """What watches a training job, and by which metric jobs under this rule set are compared."""

    model_config = ConfigDict(title="Gridwatch rule set")

    objective: Objective | None = None
    rules: Annotated[
        list[RuleUse],
        Field(min_length=1, max_length=20, description="what watches the job"),
        BeforeValidator(written_out),
    ]
    mode: Annotated[Mode, Field(description="shadow: tell what would have been stopped, and stop nothing")] = "live"
    audit: AuditField = None


@dataclass(frozen=True, slots=True)
class ParsedRuleSet:
    policies: tuple[RulePolicy, ...]
    document: dict[str, Any]
    warnings: tuple[Problem, ...] = ()


def parse_rule_set(content: bytes) -> ParsedRuleSet:
    """The rule set in a file. Raises SpecError with all problems, in the order of the file's lines."""
    source = read_document(content)
    if not isinstance(source.value, dict):
        message, advice = "a rule set is keys with values", "see docs/watching.md"
        raise SpecError([Problem(path=(), message=message, line=1, column=1, advice=advice)])
    try:
        rule_set = RuleSet.model_validate_json(json.dumps(source.value))
    except ValidationError as error:
        raise SpecError(_in_order(source, problems_of(error))) from error
    problems = [*check_rules(rule_set.rules), *_own_rules(rule_set)]
    if problems:
        raise SpecError(_in_order(source, problems))
    policies = tuple(policy_of(use, rule_set.mode, rule_set.audit) for use in rule_set.rules)
    doubts = [*warn_of_objective(rule_set.objective), *warn_of_rules(rule_set.rules, rule_set.objective)]
    document = rule_set.model_dump(mode="json", by_alias=True)
    return ParsedRuleSet(policies, document, tuple(_in_order(source, doubts)))


def _own_rules(rule_set: RuleSet) -> Iterable[Problem]:
    for index, use in enumerate(rule_set.rules):
        if use.evaluator is not None or use.actions is not None:
            message = "Debugger is asked for when a job is created, and a rule set is for jobs that are there"
            yield Problem(path=("rules", index), message=message, advice="leave evaluator and actions out")
        if use.source is not None:
            message = "a rule set has rules of the catalogue and expressions only"
            yield Problem(path=("rules", index, "source"), message=message, advice="say it with `when`")
        elif is_judgement_rule(use.rule_class) and rule_set.objective is None and "metric" not in use.parameters:
            message = "it is not said by which metric the jobs are compared"
            yield Problem(path=("rules", index), message=message, advice="give objective, or the parameter metric")


def _in_order(source: Document, problems: Iterable[Problem]) -> list[Problem]:
    located = [source.located(problem) for problem in problems]
    return sorted(located, key=lambda problem: (problem.line or 0, problem.column or 0))

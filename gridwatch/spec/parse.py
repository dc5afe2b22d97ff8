"""Parses the bytes of an upload into a spec that can be launched, or into everything that is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import ValidationError

from gridwatch.domain.rules import Action, RulePolicy
from gridwatch.spec.checks.whole import check, warn
from gridwatch.spec.explain import problems_of
from gridwatch.spec.imported import rule_uses
from gridwatch.spec.judgement import Audit
from gridwatch.spec.model import ExperimentSpec, Mode, RuleUse
from gridwatch.spec.problems import Problem, SpecError
from gridwatch.spec.reading import Document, read_document
from gridwatch.spec.salvage import independent, sound_part


@dataclass(frozen=True, slots=True)
class ParsedSpec:
    """A spec without problems. `source` still knows the lines, for problems that only show later."""

    spec: ExperimentSpec
    warnings: tuple[Problem, ...]
    source: Document

    def refuse(self, problems: Iterable[Problem]) -> SpecError:
        """The error for problems found after parsing, such as data that is not there."""
        return SpecError(_in_order(self.source, problems))


def parse_spec(content: bytes, *, today: date) -> ParsedSpec:
    """The spec in a file. Raises SpecError with all problems, in the order of the file's lines."""
    source = read_document(content)
    if not isinstance(source.value, dict):
        message, advice = "a spec is keys with values", "see docs/spec.md"
        raise SpecError([Problem(path=(), message=message, line=1, column=1, advice=advice)])
    spec = _validate(source, today)
    problems, warnings = _checked(spec, today)
    if problems:
        raise SpecError(_in_order(source, problems))
    return ParsedSpec(spec, tuple(_in_order(source, warnings)), source)


def policies_of(spec: ExperimentSpec) -> tuple[RulePolicy, ...]:
    """The rules of a spec, those of Debugger's configuration last, as they are recorded with the experiment and its
    jobs; `source` is still as in the spec.
    """
    return tuple(policy_of(use, spec.mode, spec.audit) for use in rule_uses(spec))


def policy_of(use: RuleUse, mode: Mode, audit: Audit | None = None) -> RulePolicy:
    """One rule as it is recorded. `mode` is the document's, unless the rule has one of its own; `audit` holds for all
    rules.
    """
    return RulePolicy(
        name=use.title,
        rule=use.rule_class,
        parameters=use.all_parameters,
        on_issue=Action(use.on_issue),
        source=use.source,
        protect=use.protect,
        shadow=(use.mode or mode) == "shadow",
        audit_share=audit.share if audit else 0.0,
        audit_seed=audit.seed if audit else 0,
    )


def normalized(spec: ExperimentSpec) -> dict[str, Any]:
    """The spec as a JSON document: defaults filled in, short forms written out."""
    return spec.model_dump(mode="json", by_alias=True)


def _validate(source: Document, today: date) -> ExperimentSpec:
    try:
        return ExperimentSpec.model_validate_json(json.dumps(source.value))
    except ValidationError as error:
        problems = problems_of(error)
        sound = sound_part(source.value, error)
        further = _checked(sound, today)[0] if sound else []
        told = [*problems, *independent(further, problems)]
        raise SpecError(_in_order(source, told)) from error


def _checked(spec: ExperimentSpec, today: date) -> tuple[list[Problem], list[Problem]]:
    """Problems and warnings that involve more than one field."""
    return list(check(spec, today)), list(warn(spec, today))


def _in_order(source: Document, problems: Iterable[Problem]) -> list[Problem]:
    located = [source.located(problem) for problem in problems]
    return sorted(located, key=lambda problem: (problem.line or 0, problem.column or 0))

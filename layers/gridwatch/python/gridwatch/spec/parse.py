"""From the bytes of an upload to a spec that can be launched, or to everything that is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import ValidationError

from gridwatch.spec.checks import check, warn
from gridwatch.spec.explain import problems_of
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Problem, SpecError
from gridwatch.spec.reading import Document, read_document
from gridwatch.spec.versions import check_version
from gridwatch.state.records import Action, RulePolicy


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
    """Raises SpecError with all problems, in the order of the file's lines."""
    source = read_document(content)
    if not isinstance(source.value, dict):
        raise SpecError(
            [Problem(path=(), message="a spec is keys with values", line=1, column=1, advice="see docs/spec.md")]
        )
    spec = _validate(source)
    problems, warnings = check_version(spec.algorithm.version, today)
    problems += check(spec)
    if problems:
        raise SpecError(_in_order(source, problems))
    return ParsedSpec(spec, tuple(_in_order(source, [*warnings, *warn(spec)])), source)


def policies_of(spec: ExperimentSpec) -> tuple[RulePolicy, ...]:
    """The spec's rules as they are kept with the experiment and its jobs."""
    return tuple(
        RulePolicy(
            name=use.name or use.rule, rule=use.rule, parameters=dict(use.parameters), on_issue=Action(use.on_issue)
        )
        for use in spec.rules
    )


def normalized(spec: ExperimentSpec) -> dict[str, Any]:
    """The spec as a JSON document: defaults filled in, short forms written out."""
    return spec.model_dump(mode="json")


def _validate(source: Document) -> ExperimentSpec:
    try:
        return ExperimentSpec.model_validate_json(json.dumps(source.value))
    except ValidationError as error:
        raise SpecError(_in_order(source, problems_of(error))) from error


def _in_order(source: Document, problems: Iterable[Problem]) -> list[Problem]:
    located = [source.located(problem) for problem in problems]
    return sorted(located, key=lambda problem: (problem.line or 0, problem.column or 0))

"""Specs for these tests: the examples, and changes to them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from gridwatch.spec.parse import ParsedSpec, parse_spec
from gridwatch.spec.problems import Problem, SpecError

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
TODAY = date(2026, 11, 21)


def blobs() -> dict[str, Any]:
    """The example as a document that a test may change."""
    return yaml_of("blobs")


def yaml_of(example: str) -> dict[str, Any]:
    """An example as a document that a test may change."""
    document: dict[str, Any] = yaml.safe_load((EXAMPLES / f"{example}.yaml").read_text())
    return document


def parsed(document: dict[str, Any] | str | bytes, today: date = TODAY) -> ParsedSpec:
    if isinstance(document, dict):
        document = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return parse_spec(document.encode() if isinstance(document, str) else document, today=today)


def problems(document: dict[str, Any] | str | bytes, today: date = TODAY) -> list[Problem]:
    with pytest.raises(SpecError) as caught:
        parsed(document, today)
    return list(caught.value.problems)


def only_problem(document: dict[str, Any] | str | bytes, today: date = TODAY) -> Problem:
    (problem,) = problems(document, today)
    return problem

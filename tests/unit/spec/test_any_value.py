"""Each field of a spec or a rule set takes whatever JSON holds, or refuses it: none raises anything else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.rule_set import RuleSet
from tests.unit.spec.specs import blobs, only_problem, parsed

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.5, 10**40, -(10**40), 1e308, "", "x", "1", "2 %", "1e999", "2026-02-30",
    [], [None], [[]], ["x"], {}, {"": None}, {"a": None}, {"a": {"b": []}},
)  # fmt: skip


def fields(model: type[BaseModel], seen: set[type]) -> Iterator[tuple[str, Any]]:
    """The model's fields and those of all models that it is made of, each with its type and constraints."""
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        kind = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        yield f"{model.__name__}.{name}", kind
        for inner in models(field.annotation):
            yield from fields(inner, seen)


def models(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from models(inner)


SEEN: set[type] = set()
FIELDS = dict([*fields(ExperimentSpec, SEEN), *fields(RuleSet, SEEN)])


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_takes_or_refuses_every_value(name: str) -> None:
    adapter = TypeAdapter(FIELDS[name])
    for value in VALUES:
        try:
            adapter.validate_json(json.dumps(value))
        except ValidationError:
            continue


def test_all_sections_are_tried() -> None:
    assert {"Watching.share", "Resources.retries", "Hyperband.max", "RuleSet.rules"} <= set(FIELDS)


@pytest.mark.parametrize("share", [None, 0.02, "2 %"])
def test_a_share_is_read_or_not_said(share: Any) -> None:
    watching = parsed({**blobs(), "watching": {"share": share}}).spec.watching
    assert watching is not None
    assert watching.share == (None if share is None else 0.02)


@pytest.mark.parametrize("share", [0, -0.5, 1.5, "200 %", "much", []])
def test_a_share_beyond_its_bounds_is_refused(share: Any) -> None:
    assert only_problem({**blobs(), "watching": {"share": share}}).path[:2] == ("watching", "share")

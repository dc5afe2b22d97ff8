"""Damaged records: whatever stands in one, it is read or refused with the field's name, and nothing else happens."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import pytest

from gridwatch.domain import alerts, counts, deployments, experiments, jobs, reactions, regions, rules, savings, trials
from gridwatch.domain.trials import TrialRecord
from gridwatch.state.codec import from_json, to_json
from gridwatch_rules.judgement import reported
from gridwatch_rules.tensors import metric_definition

MODULES = (
    alerts, counts, deployments, experiments, jobs, metric_definition, reactions, regions, reported, rules, savings,
    trials,
)  # fmt: skip
KINDS = [
    kind
    for module in MODULES
    for kind in vars(module).values()
    if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.__name__
]
WRONG = (
    "null", "5", "-1", "1e999", "NaN", str(2**63), "1" + "0" * 400, '"x"', '""', "[]", "[[]]", "{}", "true",
    '[{"a": 1}]',
)  # fmt: skip


def example(hint: Any) -> Any:
    """A plain value of a type, as JSON has it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return example(arguments[0])
    if origin is tuple:
        return [example(arguments[0])]
    if origin is not None and issubclass(origin, Mapping):
        return {"key": example(arguments[1])}
    if isinstance(hint, type) and is_dataclass(hint):
        return document(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint)).value
    plain = {datetime: "2026-11-20T10:00:00.000000+00:00", str: "text", int: 3, float: 0.5, bool: True}
    return plain.get(hint, "anything")


def document(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: example(hints[field.name]) for field in fields(kind)}


def test_the_kinds_of_records_are_found() -> None:
    assert len(KINDS) >= 19


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_survives_the_way_to_json_and_back(kind: Any) -> None:
    record = from_json(kind, json.dumps(document(kind)))
    assert from_json(kind, to_json(record)) == record


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_wrong_value_in_any_field_is_refused_by_name_or_read(kind: Any) -> None:
    sound = document(kind)
    told = {
        (name, wrong): _refusal(kind, json.dumps(sound | {name: "@"}).replace('"@"', wrong))
        for name in sound
        for wrong in WRONG
    }
    refusals = {place: reason for place, reason in told.items() if reason is not None}
    assert len(refusals) > len(sound), "a field takes a few of these at most"
    for (name, _), reason in refusals.items():
        assert name in reason
        assert len(reason) < 500


def _refusal(kind: Any, text: str) -> str | None:
    try:
        to_json(from_json(kind, text))
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("text", ["", "{", "null", "[]", "5", '"x"', "[" * 100_000, '{"a":' * 100_000])
def test_what_is_no_object_is_refused(kind: Any, text: str) -> None:
    assert _refusal(kind, text) is not None


def test_a_word_of_a_newer_version_is_refused_by_name() -> None:
    sound = document(TrialRecord)
    with pytest.raises(ValueError, match="state: 'quarantined' is no TrialState that this version knows"):
        from_json(TrialRecord, json.dumps(sound | {"state": "quarantined"}))
    with pytest.raises(ValueError, match="without 'trial_id'"):
        from_json(TrialRecord, json.dumps({k: v for k, v in sound.items() if k != "trial_id"}))


def test_what_another_version_added_is_passed_over_and_what_it_lacks_takes_its_default() -> None:
    sound = document(TrialRecord)
    kept = from_json(TrialRecord, json.dumps(sound | {"quarantined_at": 5}))
    assert kept == from_json(TrialRecord, json.dumps(sound))
    assert from_json(TrialRecord, json.dumps({k: v for k, v in sound.items() if k != "repair"})).repair is None


def test_a_number_is_read_as_either_kind_of_number() -> None:
    sound = document(TrialRecord)
    found = from_json(TrialRecord, json.dumps(sound | {"billable_seconds": 3.0, "former_seconds": 7}))
    assert (found.billable_seconds, found.former_seconds) == (3, 7)


@pytest.mark.parametrize("text", ["1e999", "-1e999", "NaN", "1e16"])
@pytest.mark.parametrize("field", ["seconds", "cost", "seconds_low", "cost_high", "hourly", "measured_seconds"])
def test_what_measures_something_is_finite(field: str, text: str) -> None:
    """A sum over many records would be lost by one."""
    sound = savings.SavingsRecord(
        seconds=5.0, cost=1.0, currency="USD", method="", price_per_hour=None, price_source=""
    )  # fmt: skip
    document = json.loads(to_json(sound)) | {field: 123.5}
    assert getattr(from_json(savings.SavingsRecord, json.dumps(document)), field) == 123.5
    with pytest.raises(ValueError, match=f"{field}: a number up to 1e"):
        from_json(savings.SavingsRecord, json.dumps(document).replace("123.5", text))

"""A spec is untrusted input: whatever is uploaded ends in a spec or in problems, quickly, and never in a traceback."""

from __future__ import annotations

import contextlib
import copy
import json
import time
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridwatch.spec.parse import parse_spec
from gridwatch.spec.problems import SpecError
from tests.unit.spec.specs import EXAMPLES, TODAY, blobs

# A second of processor time on a core of its own; beside others, which share its caches, half as much again.
MAX_SECONDS = 1.5
FEW = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

TEXTS = [path.read_text() for path in sorted(EXAMPLES.glob("*.yaml"))]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["ml.m5.large", "LossNotDecreasing", "xgboost", "3.2-0", "s3://b/k", "error", "1h", "eta > 1"]),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def judge(content: bytes) -> None:
    began = time.process_time()
    with contextlib.suppress(SpecError):
        parse_spec(content, today=TODAY)
    assert time.process_time() - began < MAX_SECONDS


@FEW
@given(st.binary(max_size=300))
def test_any_bytes(content: bytes) -> None:
    judge(content)


@FEW
@given(st.text(alphabet="{}[]:,-&*!|>'\"%@#?<= \n\tab1.~\\", max_size=120))
def test_any_punctuation_of_yaml(text: str) -> None:
    judge(text.encode("utf-8", "surrogatepass"))


@FEW
@given(st.sampled_from(TEXTS), st.data())
def test_examples_with_something_cut_out_or_put_in(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 80)))
    put = data.draw(st.text(alphabet="{}[]:,-&*! \nab1.e", max_size=20))
    judge((text[:start] + put + text[end:]).encode())


@FEW
@given(ANYTHING)
def test_any_document(document: Any) -> None:
    judge(json.dumps(document).encode())


@FEW
@given(st.data())
def test_the_example_with_anything_in_any_place(data: st.DataObject) -> None:
    document = blobs()
    document["rules"] = [{"rule": "LossNotDecreasing", "parameters": {"num_steps": 2}}]
    for _ in range(data.draw(st.integers(1, 3))):
        _replace_something(document, data)
    judge(yaml.safe_dump(document, sort_keys=False).encode("utf-8", "surrogatepass"))


def _replace_something(document: dict[str, Any], data: st.DataObject) -> None:
    section: Any = document
    while True:
        keys = list(section) if isinstance(section, dict) else list(range(len(section)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if not isinstance(section[key], (dict, list)) or data.draw(st.booleans()):
            break
        section = section[key]
    action = data.draw(st.sampled_from(["replace", "remove", "rename", "copy"]))
    if action == "replace":
        section[key] = data.draw(ANYTHING)
    elif action == "remove":
        del section[key]
    elif action == "rename" and isinstance(section, dict):
        section[data.draw(st.text(max_size=12))] = section.pop(key)
    elif isinstance(section, list):
        section.append(copy.deepcopy(section[key]))


def test_a_file_of_the_largest_size_is_judged_in_time() -> None:
    judge(b"a: " + b"[" * 500_000)
    judge(b'{"grid": {"eta": [' + b",".join(b"0.1" for _ in range(19_900)) + b"]}}")
    judge(("\n".join(f"key-{n}: {n}" for n in range(9_900))).encode())
    judge(b"# " + b"x" * 999_000)
    judge(b"x: " + b"a" * 900_000)
    judge(b'"' + b"\\u0041" * 150_000 + b'"')


def test_long_keys_and_values_do_not_make_long_problems() -> None:
    document = blobs() | {"x" * 2_000: 1}
    document["hyperparameters"]["booster"] = "y" * 100_000
    with pytest.raises(SpecError) as caught:
        parse_spec(yaml.safe_dump(document).encode(), today=TODAY)
    assert len(caught.value.as_text("x")) < 10_000

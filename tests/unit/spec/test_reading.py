"""From bytes to a document: what YAML and JSON mean here, and what is refused before anything is looked at."""

from __future__ import annotations

import json
import time

import pytest

from gridwatch.spec.problems import SpecError
from gridwatch.spec.reading import MAX_BYTES, MAX_DEPTH, Place, read_document


def value(text: str) -> object:
    return read_document(text.encode()).value


def refusal(content: str | bytes) -> tuple[str, int | None]:
    with pytest.raises(SpecError) as caught:
        read_document(content.encode() if isinstance(content, str) else content)
    problem = caught.value.problems[0]
    return problem.message, problem.line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-3", 0.001),
        ("1E5", 1e5),
        (".5", 0.5),
        ("10", 10),
        ("0o17", 15),
        ("-3", -3),
        ("true", True),
        ("yes", "yes"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2026-11-21", "2026-11-21"),
        ("3.2-0", "3.2-0"),
        ("~", None),
        ("'10'", "10"),
        ("!!str 10", "10"),
    ],
)
def test_plain_values_are_read_as_yaml_1_2_does(text: str, expected: object) -> None:
    found = value(f"a: {text}")
    assert found == {"a": expected}
    assert type(found["a"]) is type(expected)  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: x\nobjective:\n\tmetric: a\n", 3),
        ("grid:\n  a: [1, 2]\n\tb: [1]\n", 3),
        ("\tname: x\n", 1),
        ("grid:\n  a: 1\n  \tb: 2\n", 3),
        ("rules:\n\t- rule: x\n", 2),
    ],
)
def test_a_tab_is_called_a_tab(text: str, line: int) -> None:
    assert refusal(text) == ("this is not YAML or JSON: a tab indents this line", line)


def test_a_tab_before_a_value_is_called_a_tab() -> None:
    assert refusal("a:\n  -\t3\n  -\t4\n") == ("this is not YAML or JSON: a value cannot begin with a tab", 2)


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("a:\n\u00a0\u00a0b: 1\n  c: 2\n", 2, "U+00A0"),
        ("a: 1\nb:\u00a02\nc: 3\n", 2, "U+00A0"),
        ("a: 1\nb\uff1a 2\nc: 3\n", 2, "U+FF1A"),
        ("a:\n\u3000b: 1\n  c: 2\n", 2, "U+3000"),
    ],
)
def test_what_only_looks_like_a_blank_or_a_colon_is_named(text: str, line: int, code: str) -> None:
    assert f": line {line} has the character {code} (" in refusal(text)[0]


def test_a_regular_expression_in_double_quotes_is_told_of_single_ones() -> None:
    with pytest.raises(SpecError) as caught:
        read_document(rb'metrics: {loss: "loss: (\d+)"}')
    assert "into single quotes" in str(caught.value.problems[0].advice)


@pytest.mark.parametrize("sign", "@`%")
def test_a_sign_that_must_stand_in_quotes_is_named(sign: str) -> None:
    assert refusal(f"a: 1\nb: {sign}x\n") == (f"this is not YAML or JSON: a value cannot begin with {sign}", 2)


def test_what_is_usually_behind_a_fault_is_said() -> None:
    with pytest.raises(SpecError) as caught:
        read_document(b"name: a: b\n")
    assert "goes into quotes" in str(caught.value.problems[0].advice)


def test_json_is_read_as_json() -> None:
    document = {"name": "x", "text": 'a\t"b" \\ / \u00e4 \U0001f600', "list": [1, 2.5, True, None], "tab": {"k": "v"}}
    assert value(json.dumps(document)) == document
    assert value(json.dumps(document, indent="\t")) == document
    assert value(json.dumps(document, ensure_ascii=False, separators=(",", ":"))) == document


def test_every_field_knows_its_line_and_column() -> None:
    document = read_document(b"name: x\ngrid:\n  eta: [1,\n        2]\n  b: {c: 1}\n")
    assert document.place(("grid", "eta")) == Place(3, 3)
    assert document.place(("grid", "eta", 1)) == Place(4, 9)
    assert document.place(("grid", "b", "c")) == Place(5, 7)
    assert document.place(("grid", "b", "missing")) == Place(5, 3)
    assert document.place(("nowhere",)) == Place(1, 1)


def test_aliases_stand_for_what_they_name() -> None:
    assert value("a: &x {b: 1}\nc: *x\n") == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    ("content", "message", "line"),
    [
        ("", "the file is empty", 1),
        ("# only a comment\n", "the file is empty", 1),
        ("a: 1\n---\nb: 2\n", "the file holds more than one document", 2),
        ("a: 1\nb: [1, 2\n", "this is not YAML or JSON", 3),
        ("a: 1\nb: \x01\n", "this is not YAML or JSON", 2),
        (b"a: 1\nb: \xff\xfe\n", "the file is not text in UTF-8", 2),
        ("a: !!python/object/apply:os.system [ls]\n", "the tag", 1),
        ("a: !Ref b\n", "the tag", 1),
        ("a: *nothing\n", "nothing is anchored", 1),
        ("a: &a [*a]\n", "*a refers to what it stands in", 1),
        ("a: 1\nb: 2\na: 3\n", "the key is there twice, first in line 1", 3),
        ('{"a": 1,\n "a": 2}', "the key is there twice, first in line 1", 2),
        ("a: .nan\n", "the number is not finite", 1),
        ("a: 1\nb: -.inf\n", "the number is not finite", 2),
        ("a: 1e999\n", "the number is not finite", 1),
        ("a: " + "9" * 5000, "the number has more digits", 1),
        ("? [1, 2]\n: 3\n", "a key must be a word", 1),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "merge keys", 3),
        ("[" * 100_000, "the file is nested too deeply", 1),
        ("a:\n" + "".join("  " * depth + "- \n" for depth in range(1, MAX_DEPTH + 3)), "nested too deeply", None),
        ("x: [" + "1," * 60_000 + "]", "the file has too many values", 1),
        ("a: " + "x" * MAX_BYTES, "the file is too large", 1),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why_and_where(content: str | bytes, message: str, line: int | None) -> None:
    found, at = refusal(content)
    assert message in found
    assert line is None or at == line


def test_all_duplicate_keys_and_unusable_numbers_are_told() -> None:
    with pytest.raises(SpecError) as caught:
        read_document(b"a: .nan\nb: 1\nb: 2\nc: {d: 1, d: 1}\n")
    assert [problem.line for problem in caught.value.problems] == [1, 3, 4]


@pytest.mark.parametrize("width", [9, 10])
def test_an_alias_bomb_is_refused_in_no_time(width: int) -> None:
    lines = ["a0: &a0 [" + ",".join(["x"] * width) + "]"]
    lines += [f"a{n}: &a{n} [" + ",".join([f"*a{n - 1}"] * width) + "]" for n in range(1, 15)]
    began = time.process_time()
    found, _ = refusal("\n".join(lines))
    assert "too many values" in found
    assert time.process_time() - began < 1

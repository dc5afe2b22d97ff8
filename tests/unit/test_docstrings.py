"""Docstrings begin with what the thing is or does, and not with a preposition or a clause without its sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Folders whose docstrings were all rewritten; a folder is added when its last fragment is gone.
WITHOUT_PREPOSITIONS = ("hook", "infra", "rules")
WITHOUT_CLAUSES = ("hook", "infra", "rules")
_PREPOSITIONS = (
    "About", "Above", "After", "Among", "As", "At", "Before", "Behind", "Below", "Beside", "Between", "Beyond",
    "By", "For", "From", "In", "Into", "Of", "On", "Out", "Over", "Through", "To", "Under", "Until", "Up", "Upon",
    "With", "Within", "Without",
)  # fmt: skip
_CLAUSES = ("How", "What", "Whatever", "When", "Whenever", "Where", "Wherever", "Which", "Who", "Whoever", "Why")
_BEGINS_WITH_PREPOSITION = re.compile(rf"(?:{'|'.join(_PREPOSITIONS)})\b")
_BEGINS_WITH_CLAUSE = re.compile(rf"(?:{'|'.join(_CLAUSES)})\b")
_SENTENCE_OF = re.compile(r"(?:^|[.:;] )Of\b")
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def preposition(text: str) -> str | None:
    """The beginning of a docstring, or of a sentence in it, that begins with a preposition; None when there is none."""
    return _shown(text, _BEGINS_WITH_PREPOSITION.match(text) or _SENTENCE_OF.search(text))


def clause(text: str) -> str | None:
    """The beginning of a docstring that begins with a subordinate clause; None when it does not."""
    return _shown(text, _BEGINS_WITH_CLAUSE.match(text))


def _shown(text: str, found: re.Match[str] | None) -> str | None:
    return text[found.start() : found.start() + 80] if found else None


def fragments(folder: str, find: Callable[[str], str | None]) -> Iterator[str]:
    """A line for each docstring below a folder in which `find` finds a fragment."""
    for source in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text(), str(source))):
            docstring = ast.get_docstring(node) if isinstance(node, _Documented) else None
            if docstring and (found := find(" ".join(docstring.split()))) is not None:
                yield f"{source.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}: {found}"


@pytest.mark.parametrize("folder", WITHOUT_PREPOSITIONS)
def test_docstrings_do_not_begin_with_a_preposition(folder: str) -> None:
    assert list(fragments(folder, preposition)) == []


@pytest.mark.parametrize("folder", WITHOUT_CLAUSES)
def test_docstrings_do_not_begin_with_a_clause(folder: str) -> None:
    assert list(fragments(folder, clause)) == []


def test_every_folder_has_docstrings() -> None:
    for folder in {*WITHOUT_PREPOSITIONS, *WITHOUT_CLAUSES}:
        assert any(fragments(folder, lambda text: text)), folder


@pytest.mark.parametrize(
    "docstring",
    [
        "Of a history that somebody failed in the midst of.",
        "By the rules' names the first verdict of each.",
        "What of a request is SageMaker's own Debugger's.",
        "Where a rule stands.",
        "The newest steps. Of several workers, those beyond the first save nothing.",
    ],
)
def test_fragments_are_found(docstring: str) -> None:
    assert preposition(docstring) or clause(docstring)


@pytest.mark.parametrize(
    "docstring",
    [
        "The part of the request that configures SageMaker Debugger.",
        "Whether the status is final.",
        "Ask for the next step. Its number is that of the last one.",
        "Fork the process.",
    ],
)
def test_sentences_are_no_fragments(docstring: str) -> None:
    assert not preposition(docstring)
    assert not clause(docstring)

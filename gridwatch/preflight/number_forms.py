"""Recognizes numbers in a form that no training reads: in quotes, or with a decimal comma."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_PLAIN = re.compile(_NUMBER)
_QUOTES = "\"'"
_ABSENT = frozenset({"na", "n/a", "#n/a", "null", "none", "nil", "missing", "?", "-", "--", ".", "<na>"})


@dataclass(frozen=True, slots=True)
class Form:
    """A form of cells, and what to do about it."""

    what: str
    advice: str


_QUOTED = Form("numbers are in quotes", "save them without, for instance to_csv(quoting=csv.QUOTE_MINIMAL)")
_COMMA = Form("numbers are written with a decimal comma", "save them with a point, for instance to_csv(decimal='.')")
_THOUSANDS = Form("numbers are written with separators of thousands", "save them without: 1234567.8")
_SIGNED = Form("numbers are written with a unit", "save the number alone, and the unit in the column's description")
_MISSING = Form("missing values are written as words", "leave the cell empty, for instance to_csv(na_rep='')")
_CARRIAGE = Form("lines end in a carriage return alone", "save the file with line feeds (newline='\\n')")
_MINUS = Form("the minus is no ASCII sign", "save it as -, which is what programs write")
_PARENTHESES = Form("negative numbers are in parentheses", "save them with a minus")
_MARK = Form("the file begins with a byte order mark", "save it as UTF-8 without one (encoding='utf-8')")

_FORMS = (
    (re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?"), _COMMA),
    (re.compile(r"[+-]?\d{1,3}(?:[.,' _]\d{3})+(?:[.,]\d+)?"), _THOUSANDS),
    (re.compile(r"[+-]?\d+(?:_\d+)+(?:\.\d+)?"), _THOUSANDS),
    (re.compile(rf"(?:[$€£¥]\s?{_NUMBER}|{_NUMBER}\s?(?:[%$€£¥]|kg|cm|mm|km|ms|s))"), _SIGNED),
    (re.compile(rf"[\u2010-\u2015\u2212\ufe63\uff0d]{_NUMBER}"), _MINUS),
    (re.compile(rf"\({_NUMBER}\)"), _PARENTHESES),
)


def readable(text: str) -> str:
    """A cell as people see it: lines are read as bytes, and most are UTF-8."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def form_of(cell: str) -> Form | None:
    """The form of a number that is not read as one; None for a readable number, and for other text."""
    text = readable(cell.strip())
    if text.startswith(("\ufeff", "\u00ef\u00bb\u00bf")):
        return _MARK
    if "\r" in text:
        return _CARRIAGE
    if not text or _PLAIN.fullmatch(text):
        return None
    inner = text.strip(_QUOTES)
    if inner != text:
        # A quoted number, or a part of one that was cut at the comma within its quotes.
        return _QUOTED if _PLAIN.fullmatch(inner.strip()) or form_of(inner) in (_COMMA, _THOUSANDS, _SIGNED) else None
    if text.lower() in _ABSENT:
        return _MISSING
    return next((form for pattern, form in _FORMS if pattern.fullmatch(text)), None)


def form_of_row(text: str, cells: Sequence[str]) -> Form | None:
    """The form that explains all cells of a row without readable numbers; None when another text is among them."""
    for mark in (";", "\t", "|"):
        # Cut at its commas it is nonsense, and at another mark it is numbers with commas.
        others = text.split(mark)
        if mark in text and all(_PLAIN.fullmatch(cell.strip()) or form_of(cell) is _COMMA for cell in others):
            return _COMMA if any(form_of(cell) is _COMMA for cell in others) else None
    found = [form for cell in cells if not _is_number(cell) for form in (form_of(cell),)]
    if not found or None in found:
        return None
    # The grossest first: what is in quotes may have a comma as well.
    return next(
        form
        for form in (_MARK, _CARRIAGE, _QUOTED, _THOUSANDS, _COMMA, _SIGNED, _MINUS, _PARENTHESES, _MISSING)
        if form in found
    )


def _is_number(cell: str) -> bool:
    text = cell.strip().lower()
    return not text or _PLAIN.fullmatch(text) is not None or text.lstrip("+-") in ("nan", "inf", "infinity")

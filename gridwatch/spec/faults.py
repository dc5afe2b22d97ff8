"""Explains a YAML parser's error to the author of the file."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

# What the parser says, and what is usually behind it.
_ADVICE = (
    (
        "mapping values are not allowed",
        "a value that has ': ' in it goes into quotes; keys of one level are in one column",
    ),
    ("expected ':'", "each key ends with ': '; lines of one level begin in one column"),
    ("expected <block end>", "lines of one level begin in one column"),
    ("did not find expected key", "lines of one level begin in one column"),
    ("expected ',' or", "a list in [ ] and keys in { } have commas between them and end with their bracket"),
    ("end of stream", "a quotation mark or a bracket is not closed"),
    ("unknown escape", "in double quotes \\ begins an escape: put a regular expression into single quotes"),
)
# Blanks and colons that look like those of YAML, as pages and word processors have them.
_LOOKALIKE = re.compile("[\u00a0\u2000-\u200b\u202f\u205f\u3000\ufeff\uff1a]")


def in_words(complaint: str, text: str, mark: Any | None) -> tuple[str, str | None]:
    """The parser's error at the place `mark` of the text, in words, and what to do about it."""
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation or "tab character" in complaint:
        return "a tab indents this line", "YAML indents by spaces: replace the tab by them"
    if (alike := _lookalike(lines, mark)) is not None:
        return alike
    if "cannot start any token" in complaint and mark and mark.column < len(line):
        if line[mark.column] == "\t":
            return "a value cannot begin with a tab", "replace the tab by a blank"
        return f"a value cannot begin with {line[mark.column]}", "put it into quotes"
    return complaint, next((advice for words, advice in _ADVICE if words in complaint), None)


def _lookalike(lines: list[str], mark: Any | None) -> tuple[str, str] | None:
    """A character that looks like a blank or a colon and is none to a parser, which may notice it a line later."""
    for number in (mark.line, mark.line - 1) if mark else ():
        found = _LOOKALIKE.search(lines[number]) if 0 <= number < len(lines) else None
        if found is not None:
            name = unicodedata.name(found[0]).lower()
            what = "colon" if found[0] == "\uff1a" else "blank"
            message = f"line {number + 1} has the character U+{ord(found[0]):04X} ({name}) in it"
            return message, f"it looks like a {what} and is none: type it anew"
    return None

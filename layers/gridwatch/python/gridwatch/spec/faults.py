"""What a YAML parser's complaint means to whoever wrote the file."""

from __future__ import annotations

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
)


def in_words(complaint: str, text: str, mark: Any | None) -> tuple[str, str | None]:
    """The parser's complaint about the place `mark` of the text, in words, and what to do about it."""
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation or "tab character" in complaint:
        return "a tab indents this line", "YAML indents by spaces: replace the tab by them"
    if "cannot start any token" in complaint and mark and mark.column < len(line):
        return f"a value cannot begin with {line[mark.column]}", "put it into quotes"
    return complaint, next((advice for words, advice in _ADVICE if words in complaint), None)

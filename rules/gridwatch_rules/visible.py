"""Shows characters that are invisible, or that reverse the text around them, as their codes wherever people read.

A name with U+202E reads backwards from there, and one with U+200B looks like another name. Unicode classes most of them
as not printable; a few count as letters although they are invisible.
"""

from __future__ import annotations

import json

# Hangul fillers, the braille pattern without dots, the grapheme joiner, Khmer's inherent vowels.
_UNSEEN = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")


def is_seen(letter: str) -> bool:
    return letter.isprintable() and letter not in _UNSEEN


def visible(text: str) -> str:
    """The text with codes for all characters that a terminal or a chat would obey instead of showing: colours, links,
    directions.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if is_seen(letter) else _code(letter) for letter in text)


def visible_text(text: str) -> str:
    """The text as `visible` shows it, but with its line breaks and tabs."""
    return "".join(letter if is_seen(letter) or letter in "\n\t" else _code(letter) for letter in text)


def visible_line(text: str) -> str:
    """The text as `visible` shows it, but in one line: each separator of lines or words becomes a space."""
    return "".join(" " if letter.isspace() else letter if is_seen(letter) else _code(letter) for letter in text)


def visible_document(text: str) -> str:
    """A finished page, or JSON in it, with such characters in a form that neither HTML nor JSON misreads. Line breaks
    and spaces stay.
    """
    found = {letter for letter in set(text) if not is_seen(letter) and not letter.isspace()}
    found |= {letter for letter in "\u2028\u2029" if letter in text}
    return text.translate({ord(letter): f"[U+{ord(letter):04X}]" for letter in found}) if found else text


def visible_json(text: str) -> str:
    """An equal JSON document, with such characters as JSON's own escapes."""
    found = {letter for letter in set(text) if not is_seen(letter) and letter not in "\n\t "}
    return text.translate({ord(letter): json.dumps(letter)[1:-1] for letter in found}) if found else text


def _code(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")

"""Letters that are not seen, or that turn those around them: shown by their codes, wherever people read.

A name with U+202E reads backwards from there, one with U+200B looks like another. Unicode's own word for most of them
is that they are not printable; a few count as letters although nothing is to be seen of them.
"""

from __future__ import annotations

import json

# Hangul fillers, the braille pattern without dots, the grapheme joiner, Khmer's inherent vowels.
_UNSEEN = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")


def is_seen(letter: str) -> bool:
    return letter.isprintable() and letter not in _UNSEEN


def visible(text: str) -> str:
    """What a terminal or a chat would obey instead of showing it, as its code: colours, links, turned directions."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if is_seen(letter) else _code(letter) for letter in text)


def visible_text(text: str) -> str:
    """The same, with line breaks and tabs as they are."""
    return "".join(letter if is_seen(letter) or letter in "\n\t" else _code(letter) for letter in text)


def visible_line(text: str) -> str:
    """The same in one line: what parts lines or words is a blank."""
    return "".join(" " if letter.isspace() else letter if is_seen(letter) else _code(letter) for letter in text)


def visible_document(text: str) -> str:
    """A finished page, or JSON in it: such letters in a form that neither HTML nor JSON reads as anything else. Lines
    and blanks stay.
    """
    found = {letter for letter in set(text) if not is_seen(letter) and not letter.isspace()}
    found |= {letter for letter in "\u2028\u2029" if letter in text}
    return text.translate({ord(letter): f"[U+{ord(letter):04X}]" for letter in found}) if found else text


def visible_json(text: str) -> str:
    """A JSON document that says the same, with such letters as JSON's own escapes."""
    found = {letter for letter in set(text) if not is_seen(letter) and letter not in "\n\t "}
    return text.translate({ord(letter): json.dumps(letter)[1:-1] for letter in found}) if found else text


def _code(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")

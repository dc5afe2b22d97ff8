"""An alert as plain text, for a person who was woken by it: what happened first, then what to do, then the numbers."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from gridwatch.alerts.content import Alert, Curve
from gridwatch.alerts.sparkline import LONGEST, sparkline

# SNS: a subject is ASCII without line breaks or control characters, at most 100 long, and begins with a letter, number
# or punctuation mark; a message has at most 256 kB.
LONGEST_SUBJECT = 100
LONGEST_BODY = 200 * 1024
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class RenderedAlert:
    subject: str
    body: str


def render(alert: Alert, alert_id: str) -> RenderedAlert:
    blocks = [
        [textwrap.fill(_printable(alert.summary), _WIDTH, break_long_words=False, break_on_hyphens=False)],
        [f"  {_printable(line)}" for line in alert.details],
        list(_curve(alert.curve)) if alert.curve else [],
        list(_table(alert)),
        ["Look closer:", *(f"  {command}" for command in alert.commands)] if alert.commands else [],
        [f"{link.label}: {link.address}" for link in alert.links],
    ]
    footer = f"Gridwatch alert {alert_id}"
    text = "\n\n".join("\n".join(block) for block in blocks if block)
    return RenderedAlert(_subject(alert.title), f"{_cut(text, LONGEST_BODY)}\n\n-- \n{footer}\n")


def _subject(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in plain).split())
    subject = f"[Gridwatch] {line}"
    return subject if len(subject) <= LONGEST_SUBJECT else f"{subject[: LONGEST_SUBJECT - 3]}..."


def _table(alert: Alert) -> Iterator[str]:
    rows = [(fact.label, fact.value) for fact in alert.facts]
    rows += [(label, text) for label, text in (("Action", alert.action), ("Outcome", alert.outcome)) if text]
    width = max((len(label) for label, _ in rows), default=0) + 2
    for label, value in rows:
        indent = " " * width
        yield textwrap.fill(
            _printable(value),
            _WIDTH,
            initial_indent=label.ljust(width),
            subsequent_indent=indent,
            break_on_hyphens=False,
        )


def _curve(curve: Curve) -> Iterator[str]:
    values, steps = curve.numbers()[-LONGEST:], curve.steps[-LONGEST:]
    yield f"  {_printable(curve.tensor)}  {sparkline(values)}"
    yield f"  from {values[0]:.6g} at step {steps[0]} to {values[-1]:.6g} at step {steps[-1]}"


def _printable(text: str) -> str:
    """Names and reasons come from users: no control characters, so that nothing can forge lines."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _cut(text: str, longest: int) -> str:
    encoded = text.encode()
    if len(encoded) <= longest:
        return text
    return encoded[:longest].decode(errors="ignore") + "\n… (cut)"

"""An alert as plain text, for a person who was woken by it: what happened first, then what to do, then the numbers."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from gridwatch.alerts.content import Alert, Curve
from gridwatch.alerts.sparkline import LONGEST, sparkline
from gridwatch_rules.visible import visible_line

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
        [textwrap.fill(printable(alert.summary), _WIDTH, break_long_words=False, break_on_hyphens=False)],
        [f"  {printable(line)}" for line in alert.details],
        [f"  {line}" for line in curve_lines(alert.curve)] if alert.curve else [],
        list(_table(alert)),
        ["Look closer:", *(f"  {printable(command)}" for command in alert.commands)] if alert.commands else [],
        [printable(f"{link.label}: {link.address}") for link in alert.links],
    ]
    footer = f"Gridwatch alert {alert_id}"
    text = "\n\n".join("\n".join(block) for block in blocks if block)
    return RenderedAlert(_subject(alert.title), f"{_cut(text, LONGEST_BODY)}\n\n-- \n{footer}\n")


def _subject(title: str) -> str:
    plain = unicodedata.normalize("NFKD", visible_line(title)).encode("ascii", "ignore").decode()
    line = " ".join(visible_line(plain).split())
    subject = f"[Gridwatch] {line}"
    return subject if len(subject) <= LONGEST_SUBJECT else f"{subject[: LONGEST_SUBJECT - 3]}..."


def rows(alert: Alert) -> list[tuple[str, str]]:
    """The alert's facts by label, with what was done and what came of it."""
    done = (("Action", alert.action), ("Outcome", alert.outcome))
    return [
        *((printable(fact.label), printable(fact.value)) for fact in alert.facts),
        *((label, printable(text)) for label, text in done if text),
    ]


def curve_lines(curve: Curve) -> tuple[str, str]:
    """The curve as a line of bars, and its ends in numbers."""
    values, steps = curve.numbers()[-LONGEST:], curve.steps[-LONGEST:]
    return (
        f"{printable(curve.tensor)}  {sparkline(values)}",
        f"from {values[0]:.6g} at step {steps[0]} to {values[-1]:.6g} at step {steps[-1]}",
    )


def printable(text: str) -> str:
    """The text of a user made safe to print: it forges no lines, reverses no text and hides nothing."""
    return visible_line(text)


def _table(alert: Alert) -> Iterator[str]:
    table = rows(alert)
    width = max((len(label) for label, _ in table), default=0) + 2
    for label, value in table:
        indent = " " * width
        yield textwrap.fill(
            value, _WIDTH, initial_indent=label.ljust(width), subsequent_indent=indent, break_on_hyphens=False
        )


def _cut(text: str, longest: int) -> str:
    encoded = text.encode()
    if len(encoded) <= longest:
        return text
    return encoded[:longest].decode(errors="ignore") + "\n… (cut)"

"""The parts of an alert in the markup of chats: Slack's mrkdwn, which Amazon Q Developer takes for Teams as well."""

from __future__ import annotations

from gridwatch.alerts.content import Alert
from gridwatch.alerts.links import Link
from gridwatch.alerts.text import curve_lines, printable, rows


def escaped(text: str) -> str:
    """The users' text, escaped so that it names no channel or person, makes no link, and opens or ends no block."""
    safe = printable(text).replace("```", "'''")
    return safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def block(lines: list[str], longest: int) -> str:
    """The lines in a fixed-width block; whole lines are left out at the end when they do not fit."""
    fence = len("```\n\n```")
    shown = [escaped(line) for line in lines]
    cut = False
    while shown and sum(len(line) + 1 for line in shown) + fence + len("…\n") > longest:
        last = shown.pop()
        cut = True
        if not shown:
            shown = [last[: longest - fence - len("…\n") - 1]]
            break
    return "\n".join(["```", *shown, *(["…"] if cut else []), "```"])


def table(alert: Alert) -> list[str]:
    """The facts as a table of two columns."""
    named = rows(alert)
    width = max((len(label) for label, _ in named), default=0) + 2
    return [f"{label.ljust(width)}{value}" for label, value in named]


def evidence(alert: Alert) -> list[str]:
    """The evidence of a finding: its details and its curve."""
    return [*alert.details, *(curve_lines(alert.curve) if alert.curve else ())]


def web_links(alert: Alert) -> list[Link]:
    """The links that a browser opens."""
    return [link for link in alert.links if link.address.startswith("https://")]


def cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"

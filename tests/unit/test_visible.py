"""Letters that are not seen, or turn others around, wherever people read: by their codes."""

from __future__ import annotations

import csv
import io
import json

import pytest
from rich.console import Console

from gridwatch.alerts.chat import chat_notification
from gridwatch.alerts.content import Alert, Fact, Severity
from gridwatch.alerts.incident import incident_event
from gridwatch.alerts.links import Link
from gridwatch.alerts.slack import slack_message
from gridwatch.alerts.text import render
from gridwatch.cli.looking.logs import Line
from gridwatch.cli.output import print_blocks, print_json, print_rows
from gridwatch_rules.page import page, paragraph, section
from gridwatch_rules.visible import visible, visible_document, visible_json, visible_line, visible_text
from tests.fakes.clock import START

HIDDEN = [
    "\u202e", "\u202a", "\u2066", "\u2069", "\u200b", "\u200d", "\u200f", "\u2060", "\ufeff", "\u061c", "\u180e",
    "\u00ad",
    "\u2028", "\u3164", "\u115f", "\u2800", "\u034f", "\U000e0041", "\x9b", "\x7f", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("letter", HIDDEN)
def test_no_letter_hides_or_turns(letter: str) -> None:
    name = f"a{letter}b"
    for shown in (visible(name), visible_line(name), visible_document(f"<p>{name}</p>\n\tüber 名前 😀")):
        assert letter not in shown
        shown.encode()
    assert visible(name).isascii()
    assert visible(name) == visible(name + "")
    assert json.loads(visible_json(json.dumps(name, ensure_ascii=False))) == name
    assert letter not in visible_json(json.dumps({"name": name}, ensure_ascii=False, indent=2))


def test_what_is_seen_stays() -> None:
    text_ = "über 名前 😀 é ∂ — naïve"
    assert visible(text_) == visible_line(text_) == visible_document(text_) == visible_json(text_) == text_
    assert visible_line("a\r\nb\tc") == "a  b c"
    assert visible_document("a\n\tb c") == "a\n\tb c"


def test_a_page_shows_their_codes_in_text_attributes_and_data() -> None:
    data = json.dumps({"name": "x\u202ecod.exe"}, ensure_ascii=False)
    made = page("a\u202eb", "c\u200bd", [section("e\u2066f", paragraph("g\ufeffh"))], foot=f"<script>{data}</script>")
    for code in ("a[U+202E]b", "c[U+200B]d", "e[U+2066]f", "g[U+FEFF]h", "x[U+202E]cod.exe"):
        assert code in made
    assert not set(made) & set(HIDDEN)


def test_alerts_and_mails_show_their_codes() -> None:
    alert = Alert(
        kind="k", severity=Severity.WARNING, title="stopped x\u202egnp.exe", summary="sum\u200bmary",
        facts=(Fact("Experiment", "blo\u2066bs"),), details=("line \ufeff",),
    )  # fmt: skip
    event = incident_event(alert, "id", "blo\u2066bs", source="gridwatch", at=START)
    mail = render(alert, "id")
    told = [mail.subject, mail.body, json.dumps(slack_message(alert, "id"), ensure_ascii=False)]
    told.append(json.dumps(event, ensure_ascii=False))
    for each in told:
        assert not set(each) & set(HIDDEN)
    assert r"x\u202egnp.exe" in mail.subject
    assert r"sum\u200bmary" in mail.body


def test_commands_links_and_labels_show_their_codes() -> None:
    alert = Alert(
        kind="k", severity=Severity.WARNING, title="t", summary="s", facts=(Fact("la\u202ebel", "v"),),
        commands=("gridwatch logs x\u202ey",), links=(Link("Jo\u2066b", "https://x/\u200by"),),
    )  # fmt: skip
    told = [render(alert, "id").body, *(
        json.dumps(each, ensure_ascii=False)
        for each in (slack_message(alert, "id"), chat_notification(alert, "id", "blobs"))
    )]  # fmt: skip
    for each in told:
        assert not set(each) & set(HIDDEN)
        assert "logs x\\u202ey" in each.replace("\\\\", "\\")


@pytest.mark.parametrize("letter", [letter for letter in HIDDEN if letter != "\ud800"])
def test_csv_and_headings_show_their_codes(letter: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = f"x{letter}y"
    rows = [{name: name, "nested": {name: [name]}, "lines": "a\n\tb"}]
    columns = [name, "nested", "lines"]
    print_rows(columns, rows, as_json=False, as_csv=True, empty="")
    shown = capsys.readouterr().out
    assert letter not in shown
    heading, row = csv.reader(io.StringIO(shown))
    assert heading[0] == row[0] == visible(name)
    assert json.loads(row[1]) == {name: [name]}
    assert row[2] == "a\n\tb"
    print_rows(columns, rows, as_json=False, empty="")
    print_blocks(Console(width=40), columns, [list(rows[0].values())])
    assert letter not in capsys.readouterr().out
    assert visible_text(f"{name}\n") == f"{visible(name)}\n"
    logged = Line(START, "rule", f"{name}\tz\x1b[31m").text()
    assert letter not in logged
    assert logged.endswith("y\tz[31m")


def test_a_terminal_is_shown_their_codes(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(["name"], [{"name": "x\u202egnp\u3164"}], as_json=False, empty="")
    print_json({"name": "x\u202egnp\x9b2J"})
    shown = capsys.readouterr().out
    assert not set(shown) & set(HIDDEN)
    assert r"x\u202egnp\u3164" in shown
    assert json.loads(shown[shown.index("{") :]) == {"name": "x\u202egnp\x9b2J"}

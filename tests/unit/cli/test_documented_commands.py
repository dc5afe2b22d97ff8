"""Every `gridwatch` command that the documentation or an alert shows exists, with its options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from gridwatch.cli.main import app
from gridwatch.domain.alerts import AlertRecord
from tests.unit.alerts.cases import cases

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_SPAN = re.compile(r"`([^`\n]+)`")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:^|&& |\| |\()(?:\.venv/bin/)?gridwatch((?: [^|&#)]+)?)")


def _commands(page: Path) -> Iterator[str]:
    """Everything that a reader would type: lines of shell blocks, and spans."""
    text = page.read_text()
    for language, block in _BLOCK.findall(text):
        if language in ("sh", "bash", "shell", "console"):
            yield from (line.strip().removeprefix("$ ") for line in block.splitlines())
    yield from _SPAN.findall(_BLOCK.sub("", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists_with_its_options(page: Path) -> None:
    shown = [words for line in _commands(page) for words in _COMMAND.findall(line)]
    assert [words for words in shown if not is_command(words.split())] == []


@pytest.mark.parametrize("alert", cases().values(), ids=lambda alert: str(alert.kind))
def test_every_command_of_an_alert_exists(alert: AlertRecord) -> None:
    for command in alert.content.get("commands", ()):
        program, *words = shlex.split(command)
        assert program == "gridwatch", command
        assert is_command(words), command


@pytest.mark.parametrize("words", ["nonsense", "status --nonsense", "local down", "rules nonsense"])
def test_what_does_not_exist_is_noticed(words: str) -> None:
    assert not is_command(words.split())


def is_command(words: list[str]) -> bool:
    """Whether the words after `gridwatch` lead to a command, and every option among them is known on the way."""
    command: Any = typer.main.get_command(app)
    known = {"--help", *_options(command)}
    for word in words:
        inner = getattr(command, "commands", {})
        if word in inner:
            command = inner[word]
            known |= _options(command)
        elif word.startswith("--"):
            if word.split("=")[0] not in known:
                return False
        elif inner and word not in ("…", "..."):
            return False
    return True


def _options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}

"""How the command names itself to whoever is to type it again."""

from __future__ import annotations

import pytest

from gridwatch.cli.settings import own_command


@pytest.mark.parametrize(
    ("started", "named"),
    [
        ("gridwatch", "gridwatch"),
        (".venv/bin/gridwatch", ".venv/bin/gridwatch"),
        ("../gridwatch/.venv/bin/gridwatch", "../gridwatch/.venv/bin/gridwatch"),
        ("/home/somebody/.venv/bin/gridwatch", "gridwatch"),  # found on the PATH
        ("gridwatch/cli/__main__.py", "gridwatch"),
        ("-c", "gridwatch"),
    ],
)
def test_it_is_named_as_it_was_started(monkeypatch: pytest.MonkeyPatch, started: str, named: str) -> None:
    monkeypatch.setattr("sys.argv", [started, "demo"])
    assert own_command() == named

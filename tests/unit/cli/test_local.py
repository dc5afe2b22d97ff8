"""`gridwatch local up` and what it refuses before anything is started."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gridwatch.cli import local
from gridwatch.cli.local_state import RunningCloud, remembered, state_file
from gridwatch.cli.main import main


@pytest.fixture(autouse=True)
def nothing_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def synthesized(_: Path) -> None:
        pytest.fail("the port is looked at first")

    monkeypatch.setenv("GRIDWATCH_FILES", str(tmp_path))
    monkeypatch.setattr(local, "synthesized", synthesized)


def up(monkeypatch: pytest.MonkeyPatch, port: int) -> int:
    monkeypatch.setattr("sys.argv", ["gridwatch", "local", "up", "--port", str(port)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_a_port_that_is_taken_is_said_before_anything_is_synthesized(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        assert up(monkeypatch, port) == 1
        assert capsys.readouterr().err == f"gridwatch: port {port} is taken; --port 0 takes a free one\n"
        with remembered(RunningCloud(f"http://127.0.0.1:{port}", "000000000000", "local", "us-east-1"), state_file()):
            assert up(monkeypatch, port) == 1
        assert f"port {port} is taken, where a local cloud runs already; --port 0" in capsys.readouterr().err

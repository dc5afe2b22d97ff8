"""The command as a whole: what it says and how it exits."""

from __future__ import annotations

from pathlib import Path

import pytest

import gridwatch
from gridwatch.cli.main import main


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["gridwatch", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def test_help_names_every_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(monkeypatch, "--help") == 0
    printed = capsys.readouterr().out
    for command in ("demo", "local", "plan", "submit", "experiments", "status", "leaderboard", "query", "snapshot"):
        assert f" {command} " in printed


def test_the_version_is_the_packages(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.strip() == gridwatch.__version__


@pytest.mark.parametrize("arguments", [["nonsense"], ["status"], ["status", "a", "--nonsense"], ["local", "down"]])
def test_wrong_usage_exits_with_2(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    assert _run(monkeypatch, *arguments) == 2


def test_a_file_that_is_not_there_is_one_line_and_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "submit", "nowhere.yaml") == 1
    assert capsys.readouterr().err == "gridwatch: nowhere.yaml cannot be read: No such file or directory\n"


def test_a_file_of_another_kind_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "submit", "notes.txt") == 1
    assert "must end in .yaml, .yml, .json" in capsys.readouterr().err


def test_a_bad_spec_is_not_uploaded_and_every_problem_has_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    spec = tmp_path / "bad.yaml"
    spec.write_text("name: bad name\ngird: {}\n")
    assert _run(monkeypatch, "submit", str(spec)) == 1
    told = capsys.readouterr().err
    assert f"{spec}:1:" in told
    assert f"{spec}:2:" in told
    assert "did you mean grid?" in told


def test_without_a_region_the_local_cloud_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("GRIDWATCH_FILES", str(tmp_path))
    assert _run(monkeypatch, "experiments") == 1
    said = capsys.readouterr().err
    assert said == "gridwatch: You must specify a region; for a cloud on this machine run `gridwatch local up`\n"

"""The local cloud is found from another shell, and forgotten when it is gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gridwatch.cli.errors import CliError
from gridwatch.cli.local_state import RunningCloud, forget, recall, refuse_ended, remembered

CLOUD = RunningCloud("http://127.0.0.1:9", "0" * 12, "local", "us-east-1")


def test_what_is_remembered_while_it_runs_is_known_to_have_ended_afterwards(tmp_path: Path) -> None:
    file = tmp_path / "state" / "local.json"
    with remembered(CLOUD, file):
        assert "127.0.0.1:9" in file.read_text()
        assert recall(file, lambda _: True) == CLOUD
    assert recall(file, lambda _: True) is None, "whoever listens there now is another"
    with pytest.raises(CliError, match=r"127.0.0.1:9.*has ended"):
        refuse_ended(file)


def test_what_is_forgotten_refuses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "local.json"
    assert forget(file) is None
    with remembered(CLOUD, file):
        assert forget(file) == CLOUD
    assert not file.exists()
    refuse_ended(file)


def test_another_clouds_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "local.json"
    other = replace(CLOUD, endpoint_url="http://127.0.0.1:10")
    with remembered(other, tmp_path / "other.json"):
        text = (tmp_path / "other.json").read_text()
    with remembered(CLOUD, file):
        file.write_text(text)
    assert file.read_text() == text


def test_a_cloud_is_recalled_while_it_answers(tmp_path: Path) -> None:
    file = tmp_path / "local.json"
    with remembered(CLOUD, file):
        assert recall(file, lambda _: True) == CLOUD
        assert recall(file, lambda _: False) is None


@pytest.mark.parametrize("content", ["", "{}", "not json", '{"endpoint_url": "x"}'])
def test_a_file_that_says_nothing_is_no_cloud(tmp_path: Path, content: str) -> None:
    file = tmp_path / "local.json"
    file.write_text(content)
    assert recall(file) is None
    assert recall(tmp_path / "missing.json") is None


def test_a_place_that_no_file_can_be_in_has_no_cloud_and_takes_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert recall(tmp_path / "file" / "local.json") is None
    with (
        pytest.raises(CliError, match=r"is not written: .*; set GRIDWATCH_FILES to a folder"),
        remembered(CLOUD, tmp_path / "file" / "local.json"),
    ):
        pytest.fail("the block runs only when the cloud can be found")


def test_a_file_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "local.json").mkdir()  # no text of its own, also for root
    with pytest.raises(CliError, match=r"which says whether a local cloud runs: .*; make it readable"):
        recall(tmp_path / "local.json")


def test_the_environment_points_any_client_there() -> None:
    assert CLOUD.environment()["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"
    assert CLOUD.environment()["AWS_DEFAULT_REGION"] == "us-east-1"

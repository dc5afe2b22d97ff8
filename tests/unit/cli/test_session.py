"""Where commands go: never to AWS by themselves from a shell that was a local cloud's."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from gridwatch.cli.errors import CliError
from gridwatch.cli.local_state import RunningCloud, forget, remembered, state_file
from gridwatch.cli.session import Session, explain
from gridwatch.cli.settings import Environment

AWS = {"AWS_ACCESS_KEY_ID": "AKIAPRODUCTION", "AWS_SECRET_ACCESS_KEY": "of-production", "AWS_REGION": "eu-west-1",
       "AWS_DEFAULT_REGION": "eu-west-1"}  # fmt: skip


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody who takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A shell with the credentials of an account, and nothing that says where to go."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "GRIDWATCH_EXPERIMENTS_BUCKET", "GRIDWATCH_ARTIFACTS_BUCKET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GRIDWATCH_FILES", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    put(monkeypatch, AWS)
    return monkeypatch


def put(shell: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        shell.setenv(name, value)


def at(port: int) -> RunningCloud:
    return RunningCloud(f"http://127.0.0.1:{port}", "000000000000", "local", "us-east-1")


def endpoint(session: Session) -> str:
    return str(session.s3.meta.endpoint_url)


def discovered() -> Session:
    return Session.discover(Environment.read())


def test_a_shell_that_never_was_local_goes_to_aws(shell: pytest.MonkeyPatch) -> None:
    assert endpoint(discovered()).endswith("amazonaws.com")


def test_a_running_cloud_is_used_and_said(
    shell: pytest.MonkeyPatch, listener: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud = at(listener.getsockname()[1])
    with remembered(cloud, state_file()):
        assert endpoint(discovered()) == cloud.endpoint_url
    assert cloud.endpoint_url in capsys.readouterr().err


@pytest.mark.parametrize("end", ["as told", "killed"])
def test_after_its_end_nothing_goes_to_aws_until_somebody_says_so(
    shell: pytest.MonkeyPatch, listener: socket.socket, end: str
) -> None:
    cloud = at(listener.getsockname()[1])
    if end == "as told":
        with remembered(cloud, state_file()):
            pass
    else:
        with remembered(cloud, state_file()):
            content = state_file().read_text()
        state_file().write_text(content)
    listener.close()
    for _ in range(2):
        with pytest.raises(CliError, match=f"the local cloud at {cloud.endpoint_url}.* has ended; nothing was sent"):
            discovered()
    assert forget(state_file()) == cloud
    assert endpoint(discovered()).endswith("amazonaws.com")


def test_a_profile_of_aws_does_not_change_that(shell: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile production]\nregion = eu-west-1\n")
    shell.setenv("AWS_PROFILE", "production")
    with remembered(at(9), state_file()):
        pass
    with pytest.raises(CliError, match="has ended"):
        discovered()


def test_a_shell_that_was_told_where_the_cloud_is_says_that_nobody_is_there(
    shell: pytest.MonkeyPatch, listener: socket.socket
) -> None:
    cloud = at(listener.getsockname()[1])
    put(shell, cloud.environment())
    assert endpoint(discovered()) == cloud.endpoint_url
    listener.close()
    with pytest.raises(CliError, match=f"no local cloud answers at {cloud.endpoint_url}"):
        discovered()


@pytest.mark.parametrize(
    ("variables", "mark"),
    [
        ({"AWS_ACCESS_KEY_ID": "000000000000", "AWS_SECRET_ACCESS_KEY": "local"}, "AWS_SECRET_ACCESS_KEY"),
        ({"GRIDWATCH_EXPERIMENTS_BUCKET": "gridwatch-experiments-000000000000-us-east-1"}, "GRIDWATCH_EXPERIMENTS"),
        ({"GRIDWATCH_ARTIFACTS_BUCKET": "gridwatch-artifacts-000000000000-us-east-1"}, "GRIDWATCH_ARTIFACTS"),
    ],
)
def test_what_is_left_of_a_local_shell_does_not_go_to_aws(
    shell: pytest.MonkeyPatch, variables: Mapping[str, str], mark: str
) -> None:
    put(shell, variables)
    with pytest.raises(CliError, match=f"{mark}.* is a local cloud's, and there is no AWS_ENDPOINT_URL"):
        discovered()


def test_a_profile_that_names_the_endpoint_goes_there(shell: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\nregion = us-east-1\nendpoint_url = http://127.0.0.1:4566\n")
    put(shell, {"AWS_ACCESS_KEY_ID": "000000000000", "AWS_SECRET_ACCESS_KEY": "local"})
    assert endpoint(discovered()) == "http://127.0.0.1:4566"


def test_buckets_of_an_account_are_no_sign_of_a_local_cloud(shell: pytest.MonkeyPatch) -> None:
    shell.setenv("GRIDWATCH_EXPERIMENTS_BUCKET", "gridwatch-experiments-123456789012-eu-west-1")
    assert endpoint(discovered()).endswith("amazonaws.com")


def test_a_cloud_that_ends_in_the_middle_of_a_command_is_told() -> None:
    told = explain(EndpointConnectionError(endpoint_url="http://127.0.0.1:4613/"))
    assert "no local cloud answers at http://127.0.0.1:4613/" in told
    away = explain(EndpointConnectionError(endpoint_url="https://s3.eu-west-1.amazonaws.com/"))
    assert "local" not in away


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"Code": "AccessDenied", "Message": "not you"}, "ListThings was refused: AccessDenied: not you"),
        ({"Code": "400", "Message": ""}, "ListThings was refused: 400"),
        ({"Message": "why"}, "ListThings was refused: why"),
        ({}, "ListThings was refused"),
    ],
)
def test_a_refusal_is_told_with_the_words_that_came_with_it(answer: dict[str, str], told: str) -> None:
    assert explain(ClientError({"Error": answer}, "ListThings")) == told  # type: ignore[typeddict-item]

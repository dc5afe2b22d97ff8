"""Remembers where the local cloud runs, so that a command in another shell finds it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gridwatch_cli.settings import kept_files

_CONNECT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class RunningCloud:
    """A local cloud: its endpoint and the credentials and region that its clients use."""

    endpoint_url: str
    access_key_id: str
    secret_access_key: str
    region: str

    def environment(self) -> Mapping[str, str]:
        """What to set so that any AWS client talks to it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }

    def answers(self) -> bool:
        """Whether somebody listens there."""
        address = urlsplit(self.endpoint_url)
        try:
            with socket.create_connection((address.hostname or "", address.port or 80), timeout=_CONNECT_SECONDS):
                return True
        except OSError:
            return False


def state_file() -> Path:
    return kept_files() / "local.json"


@contextmanager
def remembered(cloud: RunningCloud, file: Path) -> Iterator[None]:
    """The cloud stands in the file while the block runs. A file that another cloud wrote meanwhile is left alone."""
    content = json.dumps(asdict(cloud), indent=2) + "\n"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    try:
        yield
    finally:
        if file.exists() and file.read_text() == content:
            file.unlink()


def recall(file: Path, answers: Callable[[RunningCloud], bool] = RunningCloud.answers) -> RunningCloud | None:
    """The cloud in the file if it still answers."""
    try:
        cloud = RunningCloud(**json.loads(file.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return cloud if answers(cloud) else None

"""Remembers where the local cloud runs, so that a command in another shell finds it.

It is remembered even after the cloud has ended, however it ended: a command that talked to it a moment ago must not
turn to AWS by itself, with whatever credentials the shell has, only because the cloud no longer answers.
"""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gridwatch.cli.errors import CliError
from gridwatch.cli.settings import kept_files

LOCAL_SECRET = "local"  # noqa: S105  what a local cloud's clients say, which checks nothing
_CONNECT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class RunningCloud:
    """A local cloud: its endpoint and the credentials and region that its clients use."""

    endpoint_url: str
    access_key_id: str
    secret_access_key: str
    region: str

    def environment(self) -> Mapping[str, str]:
        """The environment variables that point any AWS client at it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }

    def answers(self) -> bool:
        """Whether the cloud answers at its endpoint."""
        return listens(self.endpoint_url)


def listens(url: str) -> bool:
    """Whether anything accepts connections at an endpoint's address."""
    address = urlsplit(url)
    try:
        with socket.create_connection((address.hostname or "", address.port or 80), timeout=_CONNECT_SECONDS):
            return True
    except OSError:
        return False


def troubles_of(url: str) -> list[str]:
    """The local cloud's warnings; nothing where the address is another emulator's."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url.rstrip('/')}/_localcloud/troubles", timeout=_CONNECT_SECONDS) as answer:
            return [str(text) for text in json.load(answer)["troubles"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def is_on_this_machine(url: str) -> bool:
    """Whether an endpoint's address is on this machine, as a local cloud's is."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"


def state_file() -> Path:
    return kept_files() / "local.json"


@contextmanager
def remembered(cloud: RunningCloud, file: Path) -> Iterator[None]:
    """A block during which the file names this cloud as running; after it, as ended. If another cloud wrote the file
    meanwhile, it is left alone.
    """
    content = _content(cloud)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    except OSError as error:
        advice = "set GRIDWATCH_FILES to a folder that you may write to"
        raise CliError(
            f"{file}, by which commands find this cloud, is not written: {error.strerror}; {advice}"
        ) from error
    try:
        yield
    finally:
        if file.exists() and file.read_text() == content:
            file.write_text(_content(cloud, ended=True))


def recall(file: Path, answers: Callable[[RunningCloud], bool] = RunningCloud.answers) -> RunningCloud | None:
    """The cloud in the file, if it still answers."""
    kept = _read(file)
    if kept is None:
        return None
    cloud, has_ended = kept
    return cloud if not has_ended and answers(cloud) else None


def refuse_ended(file: Path) -> None:
    """Raise CliError if commands talked to a local cloud that has ended and nobody has said that they may go to AWS."""
    kept = _read(file)
    if kept is not None:
        raise CliError(
            f"the local cloud at {kept[0].endpoint_url}, which commands here talked to, has ended; nothing was sent to "
            "AWS. Start one again with `gridwatch local up`, or let commands go to AWS with `gridwatch local leave`"
        )


def forget(file: Path) -> RunningCloud | None:
    """Forget the local cloud, so that commands go to AWS again; returns the cloud that they would have used."""
    kept = _read(file)
    file.unlink(missing_ok=True)
    return kept[0] if kept is not None else None


def _content(cloud: RunningCloud, *, ended: bool = False) -> str:
    return json.dumps({**asdict(cloud), **({"ended": True} if ended else {})}, indent=2) + "\n"


def _read(file: Path) -> tuple[RunningCloud, bool] | None:
    """The cloud, and whether it is known to have ended.

    Raises CliError for a file that cannot be read: it may name a cloud, and a command must not turn from it unasked.
    """
    try:
        document = json.loads(file.read_text())
        ended = bool(document.pop("ended", False))
        return RunningCloud(**document), ended
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, AttributeError):
        return None
    except OSError as error:
        advice = "make it readable, or set GRIDWATCH_FILES to a folder of your own"
        raise CliError(f"{file}, which says whether a local cloud runs: {error.strerror}; {advice}") from error

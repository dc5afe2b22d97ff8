"""Keeps the cloud's state in a folder, across a stop and a kill: MiniStack's services as it writes them itself, our own
beside them, and S3's objects, which MiniStack writes at once.

A second after a request a child process, forked from the cloud, writes the memory's content at that moment: the cloud
goes on meanwhile, and every file is replaced in one step. A kill loses at most that second.
"""

import contextlib
import fcntl
import logging
import os
import pickle
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, TextIO

from ministack import app
from ministack.core import persistence

from gridwatch.localcloud import clock

_LOG = logging.getLogger(__name__)
_SECONDS = 1.0
_LONGEST = 60  # seconds that a child may write
# Large, and changed only by deployments: the code of functions and layers.
_OF_DEPLOYMENTS = "lambda"
_DEPLOYING = ("/lambda/", "/cloudformation/")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class StateInUseError(OSError):
    """Another cloud works on the folder; the message names it."""


class UnreadableStateError(Exception):
    """The state in a folder cannot be loaded; the message says which file, and what to do."""

    def __init__(self, file: Path, why: object) -> None:
        super().__init__(
            f"the kept state cannot be taken up: {file} is damaged or of another version ({why}). Nothing was changed; "
            "start with another folder, or put a good copy of the file in its place"
        )


class StateFolder:
    """A folder that one cloud at a time keeps its state in."""

    def __init__(self, folder: Path) -> None:
        self._own = folder / "own.pickle"
        self._lock = folder / "in-use"
        self._held: TextIO | None = None
        self.unreadable: UnreadableStateError | None = None

    def take(self) -> None:
        """Lock the folder. Raises StateInUseError when another cloud has it."""
        held = self._lock.open("a")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StateInUseError(
                f"another local cloud keeps its state in {self._lock.parent}: end it first"
            ) from error
        self._held = held

    def load(self) -> Mapping[str, Any]:
        """The kept state of this project's services; empty when nothing was kept."""
        if not self._own.exists():
            return {}
        # The folder is the user's own, as the programs are that would be named in it.
        try:
            loaded = pickle.loads(self._own.read_bytes())  # noqa: S301
        except Exception as error:
            raise UnreadableStateError(self._own, f"{type(error).__name__}: {error}") from error
        if not isinstance(loaded, Mapping):
            raise UnreadableStateError(self._own, f"a {type(loaded).__name__}")
        return loaded

    def take_up(self, restore: Callable[[Mapping[str, Any]], None]) -> None:
        """Give this project's services their kept state by ``restore``. Raises UnreadableStateError if any kept state
        could not be read, including MiniStack's, which would begin anew and then overwrite it.
        """
        if self.unreadable is not None:
            raise self.unreadable
        own = self.load()
        try:
            restore(own)
        except Exception as error:
            raise UnreadableStateError(self._own, f"{type(error).__name__}: {error}") from error

    def load_services(self) -> None:
        """Load the kept state of MiniStack's services, up to the first file that cannot be loaded."""
        for key, module in app._state_map.items():
            file = Path(persistence.STATE_DIR) / f"{key}.json"
            try:
                data = app.load_state(key)
                if file.exists() and not isinstance(data, Mapping):
                    raise ValueError("it is no state of this MiniStack")
                if data:
                    app._get_module(module).load_persisted_state(data)
            except Exception as error:  # noqa: BLE001  whatever is wrong with the file, nothing may be begun anew
                _LOG.exception("loading %s", file)
                self.unreadable = UnreadableStateError(file, error)
                app.PERSIST_STATE = False  # MiniStack must not write over it when it ends
                return

    def save(self, own: Mapping[str, Any], *, with_code: bool) -> None:
        """Replace every file in one step."""
        services = app._build_persistence_save_dict()
        if not with_code:
            services.pop(_OF_DEPLOYMENTS, None)
        persistence.save_all(services)
        fresh = self._own.with_suffix(".new")
        fresh.write_bytes(pickle.dumps(own))
        fresh.replace(self._own)


class Keeper:
    """Saves after each request, in a child process; an ASGI application in front of MiniStack's."""

    def __init__(self, folder: StateFolder, own: Callable[[], Mapping[str, Any]], listener: int) -> None:
        self._folder = folder
        self._own = own
        self._listener = listener
        self._asked = threading.Event()
        self._is_deployed = threading.Event()
        self._saving = threading.Lock()
        self._has_begun = False
        self._inner = app.app

    def install(self) -> None:
        app.app = self
        app._load_persisted_state = self._folder.load_services
        logging.getLogger("persistence").setLevel(logging.WARNING)  # it would tell of every file

    def begin(self) -> None:
        """Save from now on: the kept state has been loaded."""
        # MiniStack would save at its end once more, for as long as it takes.
        app.PERSIST_STATE = False
        self._has_begun = True
        threading.Thread(target=self._keep, name="keeper", daemon=True).start()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._inner(scope, receive, send)
        finally:
            if scope["type"] == "http":
                signed = dict(scope["headers"]).get(b"authorization", b"").decode(errors="replace")
                if any(service in signed for service in _DEPLOYING) and not scope["path"].endswith("/invocations"):
                    self._is_deployed.set()
                self._asked.set()

    def save_at_the_end(self) -> None:
        if not self._has_begun:
            return  # nothing was taken up, so nothing may be replaced
        with self._saving:
            self._folder.save(self._own(), with_code=self._is_deployed.is_set())

    def _keep(self) -> None:
        while True:
            self._asked.wait()
            clock.sleep(_SECONDS)
            self._asked.clear()
            with_code = self._is_deployed.is_set()
            self._is_deployed.clear()
            with self._saving:
                if not self._save_in_a_child(with_code):
                    _LOG.error("the state could not be kept; it is tried again")
                    self._asked.set()
                    if with_code:
                        self._is_deployed.set()

    def _save_in_a_child(self, with_code: bool) -> bool:
        own = self._own()
        child = os.fork()
        if child == 0:
            self._write_and_exit(own, with_code)
        _, status = os.waitpid(child, 0)
        return status == 0

    def _write_and_exit(self, own: Mapping[str, Any], with_code: bool) -> None:
        """Write the state and exit, in the child, which has only this thread. A lock that another thread held at the
        fork is never released here: then the alarm ends the child.
        """
        code = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(_LONGEST)
            # Whoever starts the cloud again at once finds the port free.
            os.close(self._listener)
            with contextlib.suppress(OSError):
                os.nice(5)
            self._folder.save(own, with_code=with_code)
            code = 0
        finally:
            os._exit(code)

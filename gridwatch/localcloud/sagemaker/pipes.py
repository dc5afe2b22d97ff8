"""Pipe mode: a channel as named pipes ``<channel>_<epoch>``, each of which carries the data once.

The pipe of the next epoch exists before the data of this one has ended; a reader may stop reading at any time.
"""

import errno
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from gridwatch.localcloud.sagemaker.channels import InputError

_LOG = logging.getLogger(__name__)
_LOOK = 0.05  # seconds between two looks for a reader


class PipeFeeder:
    """Feeds the pipes of one channel of one host from a thread. ``stream`` returns an epoch's bytes; ``problem`` is the
    reason why the data ended early, None while all is well.
    """

    def __init__(self, stem: Path, stream: Callable[[int], Iterator[bytes]]) -> None:
        self.problem: str | None = None
        self._stem = stem
        self._stream = stream
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._feed, name=f"pipe-{stem.name}", daemon=True)

    def start(self) -> None:
        """Start feeding. The first pipe exists when this returns."""
        os.mkfifo(self._path(0))
        self._thread.start()

    def stop(self) -> None:
        """Begin no further epoch; one that is being read ends with its reader."""
        self._stopped.set()
        self._thread.join(timeout=5)

    def _feed(self) -> None:
        epoch = 0
        while (pipe := self._opened(epoch)) is not None:
            os.mkfifo(self._path(epoch + 1))
            try:
                # A reader that has seen enough closes its end.
                with suppress(BrokenPipeError), os.fdopen(pipe, "wb", buffering=0) as writer:
                    for chunk in self._stream(epoch):
                        _write(writer.fileno(), chunk)
            except InputError as error:
                self.problem = str(error)
                return
            except Exception as error:  # noqa: BLE001  (the edge of the feeder's thread: half an epoch is no epoch)
                _LOG.exception("pipe %s", self._path(epoch))
                self.problem = f"InternalServerError: {error}"
                return
            self._path(epoch).unlink(missing_ok=True)
            epoch += 1

    def _opened(self, epoch: int) -> int | None:
        """The pipe once somebody reads it; None when the job is over first."""
        while not self._stopped.wait(_LOOK):
            try:
                pipe = os.open(self._path(epoch), os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    self.problem = f"ClientError: Data download failed:{error}"
                    return None
            else:
                os.set_blocking(pipe, True)
                return pipe
        return None

    def _path(self, epoch: int) -> Path:
        return self._stem.with_name(f"{self._stem.name}_{epoch}")


def _write(pipe: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(pipe, rest) :]

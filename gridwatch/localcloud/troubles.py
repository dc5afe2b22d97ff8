"""Troubles: warnings that should not be seen in a log alone. Each is printed once where the cloud was started, and kept
for whoever asks.
"""

import json
import logging
import os
import threading
from collections.abc import Sequence

_LOG = logging.getLogger(__name__)
_TOLD = 50  # lines: fewer than a pipe holds, so that telling never blocks where nobody reads
_LENGTH = 600


class Troubles:
    """The troubles, thread-safe. ``voice`` is a file descriptor of the standard error that the cloud was
    started with.
    """

    def __init__(self, voice: int | None = None) -> None:
        self._voice = voice
        self._lock = threading.Lock()
        self._texts: dict[str, str] = {}

    def tell(self, what: str, text: str) -> None:
        """Report a trouble with ``what``; the same one is not reported again."""
        line = " ".join(text.split())[:_LENGTH]
        with self._lock:
            if self._texts.get(what) == line:
                return
            self._texts[what] = line
            is_told = len(self._texts) <= _TOLD
        _LOG.error("%s: %s", what, line)
        if self._voice is not None and is_told:
            os.write(self._voice, f"localcloud: {what}: {line}\n".encode())

    def over(self, what: str) -> None:
        """Note that the trouble is over."""
        with self._lock:
            self._texts.pop(what, None)

    def forget(self) -> None:
        with self._lock:
            self._texts.clear()

    def texts(self) -> Sequence[str]:
        with self._lock:
            return [f"{what}: {text}" for what, text in self._texts.items()]

    def as_json(self) -> bytes:
        return json.dumps({"troubles": self.texts()}).encode()

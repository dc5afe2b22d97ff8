"""A server that stands in for CreateTrainingJob with a limit of calls a second, over HTTP, in a process of its own:
`python -m` it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RATE, BURST = 5.0, 10
ARN = "arn:aws:sagemaker:us-east-1:123456789012:training-job/"


@dataclass
class Account:
    """The server's state: a token bucket like AWS's, and the names that are used up."""

    tokens: float = BURST
    at: float = field(default_factory=time.monotonic)
    calls: int = 0
    throttled: int = 0
    names: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, name: str) -> tuple[int, dict[str, Any]]:
        with self.lock:
            now = time.monotonic()
            self.tokens, self.at = min(BURST, self.tokens + (now - self.at) * RATE), now
            self.calls += 1
            if self.tokens < 1:
                self.throttled += 1
                return 400, {"__type": "ThrottlingException", "message": "Rate exceeded"}
            self.tokens -= 1
            if name in self.names:
                return 400, {"__type": "ResourceInUse", "message": f"{name} exists"}
            self.names.add(name)
            return 200, {"TrainingJobArn": ARN + name}


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True
    account = Account()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        if operation == "CreateTrainingJob":
            self._answer(*self.server.account.create(body["TrainingJobName"]))
        else:
            self._answer(200, {})  # experiments and trials, which have rates of their own

    def do_GET(self) -> None:
        account = self.server.account
        self._answer(200, {"calls": account.calls, "throttled": account.throttled, "created": len(account.names)})

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is the base class's
        return


@dataclass(frozen=True, slots=True)
class Api:
    """A running server."""

    endpoint: str

    def counts(self) -> dict[str, int]:
        """The number of `calls` of CreateTrainingJob, of those `throttled`, and of jobs `created`."""
        with urllib.request.urlopen(self.endpoint) as answer:  # noqa: S310  our own server
            found: dict[str, int] = json.loads(answer.read())
        return found


@contextmanager
def training_api() -> Iterator[Api]:
    """A server whose bucket is full and whose names are all free."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks._training_api"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Api(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()

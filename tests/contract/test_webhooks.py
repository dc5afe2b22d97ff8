"""Webhooks against a real server on this machine that is slow, busy, broken or gone; time itself is the tests' own."""

from __future__ import annotations

import gzip
import json
import threading
import tracemalloc
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import urllib3

from gridwatch.launch.pacing import TokenBucket
from gridwatch_rules.failures import PermanentError, TransientError
from post_webhook.http import Requests
from post_webhook.posting import Poster, RetryLaterError, Webhook
from tests.fakes.clock import FakeClock


class Server(ThreadingHTTPServer):
    """Answers by `script`, one entry a request: status and headers, or how it does without an answer; then 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Any] = []
        self.got: list[dict[str, Any]] = []
        self.awake = threading.Event()
        self.hung_up = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/secret"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.append(body)
        step = self.server.script.pop(0) if self.server.script else (200, {})
        if step == "hang up":
            self.connection.close()
            return
        if step == "sleep":
            self.server.awake.wait(5)
            return
        if step in ("flood", "bomb", "drip"):
            self._flood(step)
            return
        status, headers = step
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def _flood(self, kind: str) -> None:
        """An answer without an end: until the other side hangs up."""
        self.send_response(400)
        self.send_header("Content-Length", str(2**40))
        if kind == "bomb":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        part = {"flood": b"no " * 20_000, "bomb": gzip.compress(bytes(10_000_000)), "drip": b"."}[kind]
        try:
            while not self.server.awake.wait(0.05 if kind == "drip" else 0):
                self.wfile.write(part)
        except OSError:
            self.server.hung_up.set()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    made.awake.set()
    made.shutdown()
    made.server_close()


def poster(clock: FakeClock, seconds: float = 60.0, reading: FakeClock | None = None) -> Poster:
    began = clock.now()
    return Poster(
        http=Requests(urllib3.Timeout(connect=1.0, read=0.3), reading or FakeClock()),
        clock=clock,
        bucket=TokenBucket(clock, 0.5),
        seconds_left=lambda: seconds - (clock.now() - began).total_seconds(),
    )


def test_posted_at_the_pace(server: Server) -> None:
    clock = FakeClock()
    posting = poster(clock)
    for number in range(3):
        posting.post("slack", Webhook(server.url), json.dumps({"text": number}))
    assert server.got == [{"text": 0}, {"text": 1}, {"text": 2}]
    assert clock.slept == [2.0, 2.0]


def test_retry_after_is_waited_for(server: Server) -> None:
    server.script = [(429, {"Retry-After": "20"})]
    clock = FakeClock()
    poster(clock).post("slack", Webhook(server.url), '{"text": "a"}')
    assert len(server.got) == 2
    assert sum(clock.slept) >= 20


def test_a_long_retry_after_hands_the_message_back_and_blocks_the_channel(server: Server) -> None:
    server.script = [(429, {"Retry-After": "300"})]
    clock = FakeClock()
    posting = poster(clock)
    with pytest.raises(RetryLaterError) as raised:
        posting.post("slack", Webhook(server.url), '{"text": "a"}')
    assert raised.value.seconds == 300
    with pytest.raises(RetryLaterError):  # also the next message, without asking
        posting.post("slack", Webhook(server.url), '{"text": "b"}')
    assert len(server.got) == 1
    posting.post("incident", Webhook(server.url), '{"text": "c"}')
    clock.advance(301)
    posting.post("slack", Webhook(server.url), '{"text": "a"}')
    assert [body["text"] for body in server.got] == ["a", "c", "a"]


def test_retry_after_may_be_a_date(server: Server) -> None:
    clock = FakeClock()
    date = (clock.now() + timedelta(seconds=30)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    server.script = [(503, {"Retry-After": date})]
    poster(clock).post("slack", Webhook(server.url), "{}")
    assert sum(clock.slept) >= 30
    assert len(server.got) == 2


@pytest.mark.parametrize("fault", [(500, {}), (502, {}), "hang up", "sleep"])
def test_what_may_pass_comes_again(server: Server, fault: object) -> None:
    server.script = [fault]
    with pytest.raises(TransientError) as raised:
        poster(FakeClock()).post("slack", Webhook(server.url), "{}")
    assert "secret" not in str(raised.value)
    assert len(server.got) == 1


@pytest.mark.parametrize("status", [301, 400, 403, 404, 410])
def test_what_is_refused_for_good(server: Server, status: int) -> None:
    server.script = [(status, {"Location": "/elsewhere"})]
    with pytest.raises(PermanentError, match=str(status)):
        poster(FakeClock()).post("slack", Webhook(server.url), "{}")
    assert len(server.got) == 1


@pytest.mark.parametrize("endless", ["flood", "bomb", "drip"])
def test_an_answer_without_an_end_is_listened_to_for_a_little(server: Server, endless: str) -> None:
    server.script = [endless]
    tracemalloc.start()
    try:
        with pytest.raises(PermanentError, match="400"):
            poster(FakeClock(), reading=Hasty()).post("slack", Webhook(server.url), "{}")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000  # of both sides
    finally:
        tracemalloc.stop()
    assert server.hung_up.wait(5)
    poster(FakeClock()).post("slack", Webhook(server.url), "{}")


class Hasty(FakeClock):
    """A second goes by whenever somebody looks."""

    def now(self) -> datetime:
        self.advance(1)
        return super().now()


def test_nobody_listens(server: Server) -> None:
    url = server.url
    server.shutdown()
    server.server_close()
    with pytest.raises(TransientError):
        poster(FakeClock()).post("slack", Webhook(url), "{}")


def test_the_routing_key_is_put_in_here_alone(server: Server) -> None:
    webhook = Webhook(server.url, {"X-Team": "a"}, "key")
    poster(FakeClock()).post("incident", webhook, '{"event_action": "trigger"}')
    assert server.got == [{"routing_key": "key", "event_action": "trigger"}]


def test_secrets() -> None:
    assert Webhook.from_secret(" https://hooks.slack.com/services/T/B/x\n") == Webhook(
        "https://hooks.slack.com/services/T/B/x"
    )
    assert Webhook.from_secret('{"url": "https://a.b/c", "routing_key": "k"}').routing_key == "k"
    for wrong in ("http://a.b/c", "", "{", '{"routing_key": "k"}', '{"url": 3}'):
        with pytest.raises(PermanentError) as raised:
            Webhook.from_secret(wrong)
        assert "a.b" not in str(raised.value)
    assert "hooks" not in repr(Webhook("https://hooks.slack.com/x", {"Authorization": "y"}, "k"))

"""`gridwatch alerts`: what a local cloud's mailbox has, once each, or why there is none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gridwatch.cli.alerts import Mailbox, in_words
from gridwatch.cli.errors import CliError

TOPIC = "arn:aws:sns:us-east-1:000000000000:gridwatch-alerts"


def mail(number: int, experiment: str) -> dict[str, Any]:
    return {"number": number, "at": "2026-11-29T20:00:00+00:00", "topic": TOPIC, "id": "m",
            "subject": f"about {number}", "text": "It \x1b[31mfailed\n",
            "attributes": {"experiment": experiment}}  # fmt: skip


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    """A cloud whose mails are `mails`."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            assert asked["topic"] == [TOPIC]
            mails = [each for each in mails_of(self.server) if each["number"] > int(asked["after"][0])]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"mails": mails}).encode())

        def log_message(self, *_: Any) -> None: ...

    made = HTTPServer(("127.0.0.1", 0), Answer)
    made.mails = [mail(1, "blobs"), mail(2, "other")]  # type: ignore[attr-defined]
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def mails_of(server: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.mails
    return found


def cloud(endpoint: str | None) -> Any:
    return SimpleNamespace(
        session=SimpleNamespace(endpoint_url=endpoint), deployment=SimpleNamespace(alert_topic=TOPIC)
    )


def test_each_mail_is_read_once_and_new_ones_come(server: HTTPServer) -> None:
    mailbox = Mailbox(cloud(f"http://127.0.0.1:{server.server_port}/"))
    assert [each["number"] for each in mailbox.new()] == [1, 2]
    assert list(mailbox.new()) == []
    mails_of(server).append(mail(3, "blobs"))
    assert [each["number"] for each in mailbox.new()] == [3]


def test_only_an_experiments_mails_where_it_is_named(server: HTTPServer) -> None:
    mailbox = Mailbox(cloud(f"http://127.0.0.1:{server.server_port}"), "blobs")
    assert [each["number"] for each in mailbox.new()] == [1]


def test_a_mail_does_not_steer_the_terminal() -> None:
    shown = in_words(mail(1, "blobs"))
    assert "about 1" in shown
    assert "\x1b" not in shown


def test_a_mails_time_is_shown_as_all_times_are() -> None:
    assert in_words(mail(1, "blobs")).splitlines()[1] == "2026-11-29 20:00:00 UTC  about 1"


def test_on_aws_it_says_where_alerts_are() -> None:
    with pytest.raises(CliError, match=f"whoever is subscribed to {TOPIC}"):
        list(Mailbox(cloud(None)).new())


def test_a_cloud_without_a_mailbox_is_told() -> None:
    with pytest.raises(CliError, match=r"the cloud at http://127.0.0.1:9 shows no mailbox"):
        list(Mailbox(cloud("http://127.0.0.1:9")).new())

"""The secret of a webhook: what no service could mean is refused, and none of it is ever told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from gridwatch.launch.pacing import TokenBucket
from gridwatch_rules.failures import PermanentError
from post_webhook.posting import Answer, Poster, RetryLaterError, Webhook
from tests.fakes.clock import FakeClock

TOKEN = "T0AAA/B0BBB/verysecret"
URL = f"https://hooks.slack.com/services/{TOKEN}"


@dataclass
class FakeHttp:
    answers: list[Answer]
    posted: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.posted.append((url, headers))
        return self.answers.pop(0)


def poster(*answers: Answer) -> Poster:
    clock = FakeClock()
    return Poster(http=FakeHttp(list(answers)), clock=clock, bucket=TokenBucket(clock, 10), seconds_left=lambda: 60.0)


@pytest.mark.parametrize("secret", [URL, json.dumps({"url": URL}), json.dumps({"url": URL, "headers": {"X-Key": "k"}}),
                                    "https://10.1.2.3:8443/hook", "https://[2001:db8::1]/hook"])  # fmt: skip
def test_what_services_give_is_an_address(secret: str) -> None:
    assert Webhook.from_secret(secret).url.startswith("https://")


@pytest.mark.parametrize(
    "secret",
    [
        "http://hooks.slack.com/x", "file:///etc/passwd", "ftp://a/b", "https://", "https:///verysecret",
        "HTTPS//verysecret",
        "https://user:verysecret@example.com/", "https://169.254.169.254/latest/verysecret",
        "https://[fe80::1]/verysecret",
        "https://[fd00:ec2::254]/verysecret", "https://2852039166/verysecret", "https://0xa9.0xfe.0xa9fe/verysecret",
        "https://0251.0376.0251.0376/verysecret", "https://169.254.43518/verysecret", "https://169.254.169.254./verysecret",
        "https://[::ffff:169.254.169.254]/verysecret", "https://[64:ff9b::a9fe:a9fe]/verysecret",
        "https://[2002:a9fe:a9fe::1]/verysecret", "https://[fe80::1%25eth0]/verysecret",
        "https://169.254.169.254\\.example.com/verysecret",  # urllib3 ends the host at the backslash, urlsplit does not
 "https://example.com:verysecret/", "https://example.com:99999/verysecret",
        "https://exa\nmple.com/verysecret", "https://example.com/very secret", "https://example.com/verysecret\0",
        "https://ex\u00e4mple.com/verysecret", "https://[verysecret", "verysecret", "", "{", "[" * 9_000, "{" * 9_000,
        json.dumps({"url": URL, "headers": ["verysecret"]}), json.dumps({"url": URL, "headers": "verysecret"}),
        json.dumps({"url": URL, "headers": {"X-Key": "verysecret\r\nHost: evil"}}),
        json.dumps({"url": URL, "headers": {"X Key": "verysecret"}}), json.dumps({"url": URL, "headers": {"X": 1}}),
        json.dumps({"url": URL, "routing_key": ["verysecret"]}), json.dumps({"url": None}),
        json.dumps({"verysecret": 1}),
    ],
)  # fmt: skip
def test_anything_else_is_refused_without_a_word_of_it(secret: str) -> None:
    with pytest.raises(PermanentError) as refused:
        Webhook.from_secret(secret)
    assert "verysecret" not in str(refused.value)
    assert "verysecret" not in repr(refused.value.__cause__)


def test_a_service_that_repeats_the_secret_does_not_bring_it_into_the_log() -> None:
    webhook = Webhook.from_secret(
        json.dumps({"url": URL, "routing_key": "R0verysecret", "headers": {"X": "H0verysecret"}})
    )
    said = f"no such hook: {URL} /services/{TOKEN} services/{TOKEN} R0verysecret H0verysecret"
    with pytest.raises(PermanentError, match="answered 404: no such hook") as refused:
        poster(Answer(404, said)).post("slack", webhook, "{}")
    assert "verysecret" not in str(refused.value)
    assert "verysecret" not in repr(webhook)


@pytest.mark.parametrize(
    "said",
    [
        "verysecret", "invalid token: VerySecret", r"https:\/\/hooks.slack.com\/services\/T0AAA\/B0BBB\/verysecret",
        "no route /services/T0AAA/B0BBB/verysecret?x=1&amp;key=alsosecret", "Bearer tokensecret is expired",
        "unknown key tokensecret", "percent%20secret", "percent secret",
    ],
)  # fmt: skip
def test_neither_does_one_that_repeats_a_part_of_it_or_writes_it_otherwise(said: str) -> None:
    url = f"{URL}?x=1&key=alsosecret&p=percent%20secret"
    webhook = Webhook.from_secret(json.dumps({"url": url, "headers": {"Authorization": "Bearer tokensecret"}}))
    with pytest.raises(PermanentError) as refused:
        poster(Answer(403, said)).post("slack", webhook, "{}")
    assert "secret" not in str(refused.value).lower()


def test_an_answer_that_was_cut_within_the_secret_does_not_tell_its_beginning() -> None:
    said = (f"{URL} " * 40)[: len(URL) * 3 - 4]
    with pytest.raises(PermanentError) as refused:
        poster(Answer(404, said)).post("slack", Webhook.from_secret(URL), "{}")
    assert "hooks" not in str(refused.value)
    assert "T0AAA" not in str(refused.value)


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    with pytest.raises(PermanentError, match="answered 302"):
        poster(Answer(302, "")).post("slack", Webhook.from_secret(URL), "{}")


@pytest.mark.parametrize("retry_after", ["1e9", "Fri, 31 Dec 9999 23:59:59 GMT", "9" * 200])
def test_whatever_the_service_says_about_waiting_there_is_an_end_to_it(retry_after: str) -> None:
    with pytest.raises(RetryLaterError) as later:
        poster(Answer(429, "", retry_after)).post("slack", Webhook.from_secret(URL), "{}")
    assert later.value.seconds == 24 * 3600


@pytest.mark.parametrize("retry_after", ["nan", "inf", "-inf", "1e999", "-5", "\0", "soon"])
def test_what_says_nothing_about_waiting_is_waited_for_a_little(retry_after: str) -> None:
    poster(Answer(429, "", retry_after), Answer(200, "ok")).post("slack", Webhook.from_secret(URL), "{}")

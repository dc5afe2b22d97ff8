"""Small languages that people write: expressions, patterns over logs, secrets of webhooks."""

from __future__ import annotations

import json
from random import Random

from gridwatch_rules.expressions import FUNCTIONS, LOOPS, Condition, ExpressionError
from gridwatch_rules.failures import PermanentError
from gridwatch_rules.patterns import PatternError, compile_pattern
from gridwatch_rules.tensors.log_metrics import LogLine, MetricFinder
from gridwatch_rules.tensors.metric_definition import LogMetric
from post_webhook.posting import Webhook
from tests.fuzz.defects import DefectError, readable
from tests.fuzz.values import TEXTS, changed, scalar

_WORDS = (
    *sorted(FUNCTIONS | LOOPS), "map", "matches", "eta", "trials", "t", "true", "null", "in", "1", "0", "-1.5", "1u", "'a'",
    '"b"', "'", '"', "\\", "r'", "(", ")", "[", "]", "{", "}", ".", ",", "?", ":", "+", "-", "*", "/", "%", "&&", "||", "!",
    "==", "<", " ", "\n", "\0", "é", "//",
)  # fmt: skip
_VALID = (
    "eta > 0.1",
    "trials.all(t, t.eta > 0.0)",
    "eta in [0.1, 0.2] || eta == 1.0",
    "size(trials) > 1 ? true : false",
)
_PIECES = ("a", "b", "0", "(", ")", "(?:", "(?=", "(?P<n>", "[", "]", "[a-z]", "*", "+", "?", "{2,}", "{9999}", "|", "^", "$", ".",
           "\\d", "\\w", "\\s", "\\1", "\\", "(a+)+", "(a|a)*", ".*.*.*", "loss=", "([0-9.]+)", "(?i)")  # fmt: skip
_LINES = ("loss=0.5 acc=0.1", "a" * 4_000 + "!", "0" * 4_096, "ab" * 2_000, "x=1 " * 1_000, "\x1b[31mloss=1\x1b[0m", "")
VALUES = {"eta": 0.2, "trials": [{"eta": 0.1, "objective": 1.0}] * 3, "t": 1}


def expression(random: Random) -> bytes:
    words = [random.choice(_WORDS) for _ in range(random.randrange(30))]
    valid = random.choice(_VALID)
    place = random.randrange(len(valid))
    return random.choice(
        ("".join(words), valid[:place] + "".join(words[:3]) + valid[place:], str(scalar(random)))
    ).encode("utf-8", "surrogatepass")


def take_expression(content: bytes) -> bool:
    try:
        Condition.compile(content.decode("utf-8", "surrogatepass")).holds(VALUES)
    except (ExpressionError, KeyError):
        return False
    return True


def pattern(random: Random) -> bytes:
    return "".join(random.choice(_PIECES) for _ in range(random.randrange(1, 12))).encode()


def take_pattern(content: bytes) -> bool:
    """Take an input as a metric's regular expression in a spec, and over a log, which may come without the spec's
    check.
    """
    text = content.decode()
    list(MetricFinder([LogMetric(name="m", regex=text)]).steps([LogLine(0.0, line) for line in _LINES], 0))
    try:
        compile_pattern(text)
    except PatternError as error:
        readable(str(error))
        return False
    return True


def secret(random: Random) -> bytes:
    host = random.choice(("hooks.slack.com", "169.254.169.254", "localhost", "[::1]", "a@b", "exa mple", "", *TEXTS))
    url = f"{random.choice(('https', 'http', 'file', 'gopher', 'HTTPS'))}://{host}/verysecret/{random.choice(TEXTS)}"
    document = {"url": url, "headers": {"X-Key": random.choice(TEXTS)}, "routing_key": "k"}
    return random.choice((url, json.dumps(document), json.dumps(changed(document, random)))).encode(
        "utf-8", "surrogatepass"
    )


def take_secret(content: bytes) -> bool:
    try:
        webhook = Webhook.from_secret(content.decode("utf-8", "surrogatepass"))
    except PermanentError as error:
        if "verysecret" in f"{error}{error.__cause__!r}":
            raise DefectError("the error shows the secret") from error
        return False
    readable(webhook.url)
    if not webhook.url.startswith("https://"):
        raise DefectError("an address that is not encrypted")
    return True

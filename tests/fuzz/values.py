"""Values that people and attackers enter where something simple is expected."""

from __future__ import annotations

from random import Random
from typing import Any

TEXTS = (
    "", " ", "a", "x" * 64, "x" * 257, "x" * 2_501, "ü" * 100, "名前", "😀" * 10, "e\u0301", "\u202egnp.exe", "\ufeffa",
    "a\0b", "\x1b[31mred\x1b[0m", "\x1b]8;;http://evil.example\x07click\x1b]8;;\x07", "line\nbreak", "tab\there", "\r\n",
    "../../etc/passwd", "..\\..\\x", "/etc/passwd", "~/.aws/credentials", "s3://other-bucket/secret", "s3://b/../../x",
    "s3://experiments-bucket/data/../code/x.py", "file:///etc/passwd", "http://169.254.169.254/latest/meta-data/",
    "<script>alert(1)</script>", "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)",
    "<!channel>", "<@U123>", "<https://evil.example|click>", "[click](https://evil.example)", "`code`", "**bold**", "&amp;",
    "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "{{7*7}}", "${jndi:ldap://x}", "$(id)", "`id`", "; rm -rf /", "%s%n",
    "'; DROP TABLE trials; --", "__import__('os').system('id')", "!!python/object/apply:os.system ['id']", "null", "NaN",
    "1e999", "0x7fffffffffffffff", "9" * 30, "-0", "1_000", "2026-11-21", "12:30", "yes", "on", "~", "arn:aws:iam::1:role/r",
    "ml.m5.large", "xgboost", "validation-logloss", "LossNotDecreasing", "eta > 0.1", "[1].all(x, [1].all(y, true))",
    "(a+)+$", "(", "a{99999999999999}", "1h", "1h30m", "99999999999d", "-1s", "0s", "10 %", "200 %", "-", "--", "a-", "-a",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 2, 3, 7, 100, 101, 255, 256, 1_000, 10_000, 65_536, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**63,
    10**30, 0.0, -0.0, 0.1, 0.5, 1e-320, 1e300, 1.5, -2.5, 1e-6,
)  # fmt: skip


def scalar(random: Random) -> Any:
    kind = random.random()
    if kind < 0.5:
        return random.choice(TEXTS)
    if kind < 0.8:
        return random.choice(NUMBERS)
    if kind < 0.9:
        return random.choice((True, False, None))
    return "".join(chr(random.choice((random.randrange(32, 127), random.randrange(0x2FFF)))) for _ in range(12))


def anything(random: Random, depth: int = 3) -> Any:
    kind = random.random()
    if depth == 0 or kind < 0.6:
        return scalar(random)
    if kind < 0.8:
        return [anything(random, depth - 1) for _ in range(random.randrange(5))]
    return {str(scalar(random)): anything(random, depth - 1) for _ in range(random.randrange(5))}


def changed(document: Any, random: Random, times: int | None = None) -> Any:
    """The document with something replaced, removed, renamed, doubled or wrapped, one to four times."""
    for _ in range(times or random.randrange(1, 5)):
        document = _change(document, random)
    return document


def _change(node: Any, random: Random) -> Any:
    if not isinstance(node, (dict, list)) or not node or random.random() < 0.08:
        return random.choice((anything, scalar, lambda r: [node], lambda r: {"a": node}))(random)
    if isinstance(node, list):
        copy = list(node)
        place = random.randrange(len(copy))
        if random.random() < 0.2:
            copy += [copy[place]] * random.choice((1, 2, 50))
        else:
            copy[place] = _change(copy[place], random)
        return copy
    fields = dict(node)
    key = random.choice(list(fields))
    action = random.random()
    if action < 0.1:
        del fields[key]
    elif action < 0.2:
        fields[str(scalar(random))] = fields.pop(key)
    elif action < 0.3:
        fields[str(scalar(random))] = anything(random)
    else:
        fields[key] = _change(fields[key], random)
    return fields


def broken(content: bytes, random: Random) -> bytes:
    """Bytes with a few of them cut out, put in, repeated or flipped."""
    data = bytearray(content)
    for _ in range(random.randrange(1, 6)):
        start = random.randrange(len(data) + 1)
        length = random.choice((1, 1, 2, 8, 40))
        action = random.random()
        if action < 0.3:
            del data[start : start + length]
        elif action < 0.6:
            data[start:start] = random.randbytes(length)
        elif action < 0.8:
            data[start:start] = data[start : start + length] * random.choice((1, 2, 20))
        elif start < len(data):
            data[start] ^= 1 << random.randrange(8)
    return bytes(data)

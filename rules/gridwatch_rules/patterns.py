"""Regular expressions that people write, over texts that jobs write: neither is trusted to end soon.

Python's engine goes back over what it has tried, which for some patterns, such as `(a+)+$`, doubles with each letter.
It looks for signals meanwhile, so a timer of this process's own working time ends it. Signals reach the main thread
alone, in which Lambda runs handlers; elsewhere (a notebook's thread) and where there are no such timers nothing is
bounded.
"""

from __future__ import annotations

import gc
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import FrameType

MAX_PATTERNS = 100  # in one parameter
SECONDS = 0.5  # of working time, for one pattern over one text
_PROBE_SECONDS = 0.03  # ordinary patterns take a hundredth of it
# Texts on which patterns that go back too often show it: what many repetitions match, and then something else.
_PROBES = tuple(part * (64 // len(part)) + "\0" for part in ("a", "0", " ", "x=1 ", "0.", "aA", "._/", "-"))
_LONG = "loss: 0.123456789 epoch=12 acc 0.5 " * 30 + "0" * 60 + "\0"


class PatternError(ValueError):
    """The pattern is none, or takes too long; the message says which."""


class SlowPatternError(PatternError):
    """It takes too long."""


def compile_pattern(text: str) -> re.Pattern[str]:
    """Raises PatternError: for what is no regular expression, and for what on short texts already takes too long."""
    return compile_patterns((text,))[0]


@lru_cache(maxsize=256)
def compile_patterns(texts: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Several, which together may take as long as one alone. Raises PatternError."""
    if len(texts) > MAX_PATTERNS:
        raise PatternError(f"are {len(texts)} patterns: allowed are {MAX_PATTERNS}")
    try:
        patterns = tuple(re.compile(text) for text in texts)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"is not a regular expression: {error}") from error
    with time_limit(_PROBE_SECONDS):
        for text, pattern in zip(texts, patterns, strict=True):
            for probe in (*_PROBES, *_own_probes(text), _LONG):
                pattern.search(probe)
    return patterns


def _own_probes(text: str) -> Iterator[str]:
    """The pattern's own words, many times over."""
    for word in set(re.findall(r"[A-Za-z0-9]+", text)[:20]):
        yield word * (1 + 64 // len(word)) + "\0"


def found(pattern: re.Pattern[str], text: str) -> bool:
    """Whether the pattern is found anywhere. Raises PatternError when that takes too long."""
    with time_limit():
        return pattern.search(text) is not None


@contextmanager
def time_limit(seconds: float = SECONDS) -> Iterator[None]:
    """Raises PatternError when what stands inside takes more working time. Limits do not nest.

    No garbage is collected meanwhile: that may take longer than the pattern has, and would swallow the error.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    collects = gc.isenabled()
    gc.disable()
    before = signal.signal(signal.SIGVTALRM, _too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        if collects:
            gc.enable()


def _too_long(number: int, frame: FrameType | None) -> None:
    raise SlowPatternError("takes too long: repetitions inside of repetitions, such as (a+)+, try every combination")

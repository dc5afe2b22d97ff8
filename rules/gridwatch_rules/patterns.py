"""Runs regular expressions that people write on texts that jobs write, with a limit on time because neither is trusted.

Python's engine backtracks, which for some patterns, such as `(a+)+$`, takes twice as long with each letter. It checks
for signals meanwhile, so a timer of this process's CPU time ends it. Signals reach only the main thread, in which
Lambda runs handlers. In other threads (a notebook's) and where there are no such timers, nothing limits the time.
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

MAX_PATTERNS = 100  # patterns in one parameter
SECONDS = 0.5  # seconds of CPU time for one pattern on one text
_PROBE_SECONDS = 0.03  # seconds; ordinary patterns take a hundredth of this
# Texts that expose patterns which backtrack too much: many repetitions of something that matches, then something else.
_PROBES = tuple(part * (64 // len(part)) + "\0" for part in ("a", "0", " ", "x=1 ", "0.", "aA", "._/", "-"))
_LONG = "loss: 0.123456789 epoch=12 acc 0.5 " * 30 + "0" * 60 + "\0"


class PatternError(ValueError):
    """The pattern is not a regular expression, or takes too long; the message says which."""


class SlowPatternError(PatternError):
    """The pattern takes too long."""


def compile_pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern. Raises PatternError when it is invalid, or takes too long even on short texts."""
    return compile_patterns((text,))[0]


@lru_cache(maxsize=256)
def compile_patterns(texts: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Compile several patterns, which together get the time of one alone. Raises PatternError."""
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
    """Yield texts that repeat the pattern's own words many times."""
    for word in set(re.findall(r"[A-Za-z0-9]+", text)[:20]):
        yield word * (1 + 64 // len(word)) + "\0"


def found(pattern: re.Pattern[str], text: str) -> bool:
    """Whether the pattern is found anywhere in the text. Raises PatternError when the search takes too long."""
    with time_limit():
        return pattern.search(text) is not None


@contextmanager
def time_limit(seconds: float = SECONDS) -> Iterator[None]:
    """Raise PatternError when the block takes more CPU time than this. Limits do not nest.

    Garbage collection is off within the block, because it may take longer than the limit, and would swallow the error.
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

"""Finds the line of a job's FailureReason that says what went wrong.

SageMaker's toolkits wrap a script's last words: "AlgorithmError: ExecuteUserScriptError:", the exit code, the command
and up to a thousand characters of a traceback, in which the exception comes last
(https://github.com/aws/sagemaker-training-toolkit, errors.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

LONGEST = 200  # characters of a cause
NO_REASON = "no reason given"
# What surrounds a script's words: the toolkit's own lines, and those of a traceback that are not its message.
_WRAPPING = re.compile(
    r"""^(\w+Error:\s*)?(\[algo-\d+\]\s*)?ExecuteUserScriptError:?$ | ^Framework\ Error:?$
    | ^ExitCode\s+\d+$ | ^Command\s+" | ^ErrorMessage\s*"?$ | ^,?\s*exit\ code:\ -?\d+$
    | ^Traceback\ \(most\ recent | ^File\s+".*",\ line\ \d+ | ^[\^~=\-*_\s"',.]+$ | ^Stack\ trace:?$ | ^\[bt\]
    | ^During\ handling\ of\ the\ above | ^The\ above\ exception\ was""",
    re.VERBOSE,
)
_EXCEPTION = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Failure|Warning)(?::|$)")
# These say that another process failed, and not why.
_SECOND_HAND = re.compile(r"^(?:[\w.]*\.)?(?:ChildFailedError|CalledProcessError|SystemExit|ProcessExitedException)\b")
_RANK = re.compile(r"^(?:\[[^\]\n]{1,40}\]:?\s*)+(?=[A-Za-z_])")
_SOURCE_PLACE = re.compile(r"(?<=: )\[\d\d:\d\d:\d\d\] \S+:\d+: ")  # where a C++ library noticed it
_EXIT_CODE = re.compile(r",?\s*exit code: (-?\d+)\s*$")
_TRANSLATED = re.compile(r'^ErrorMessage\s+"')


def cause_of(reason: str | None) -> str:
    """The cause in one line of at most LONGEST characters, such as "ModuleNotFoundError: No module named 'lightgbm'".

    It is the last exception of the reason; where there is none, its last line that is no wrapping.
    """
    text = (reason or "").strip()
    code = _EXIT_CODE.search(text)
    lines = list(_lines(text[: code.start()] if code else text))
    found = _exception(lines) or (lines[-1] if lines else "")
    if not re.search(r"\w", found.removeprefix("AlgorithmError")):
        found = f"exit code {code.group(1)}" if code else NO_REASON
    return found if len(found) <= LONGEST else found[: LONGEST - 1] + "…"


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        said = _RANK.sub("", _TRANSLATED.sub("", line.strip())).rstrip('"').strip()
        if said and not _WRAPPING.match(said):
            yield _SOURCE_PLACE.sub("", said)


def _exception(lines: Sequence[str]) -> str | None:
    """The last exception that does not merely tell of another process."""
    raised = [line for line in lines if _EXCEPTION.match(line)]
    first_hand = [line for line in raised if not _SECOND_HAND.match(line)]
    return next(reversed(first_hand or raised), None)

"""Finds the line of a job's FailureReason that says what went wrong.

SageMaker's toolkits wrap a script's last words: "AlgorithmError: ExecuteUserScriptError:", the exit code, the command
and up to a thousand characters of a traceback, in which the exception comes last
(https://github.com/aws/sagemaker-training-toolkit, errors.py). Around those words stand more: what torchrun and Open
MPI say when one of their processes dies, pip's advice, R's "Execution halted", the stack of a Java or C++ program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

LONGEST = 200  # characters of a cause
NO_REASON = "no reason given"
# What surrounds a script's words: the toolkit's own lines, and those of a traceback that are not its message.
_WRAPPING = re.compile(
    r"""^(Algorithm|Client)Error:\s*(\[algo-\d+\]\s*)?(framework\ error|\w*Error):$
    | ^(\w+Error:\s*)?(\[algo-\d+\]\s*)?ExecuteUserScriptError:?$ | ^Framework\ Error:?$
    | ^ExitCode\s+-?\d+$ | ^Command\s+" | ^ErrorMessage\s*"?$ | ^,?\s*exit\ code:\ -?\d+$
    | ^Traceback\ \(most\ recent | ^File\s+".*",\ line\ \d+ | ^[\^~=\-*_+\s"',.]+\d*[\^~=\-*_+\s"',.]*$
    | ^Stack\ trace:?$ | ^\[bt\] | ^During\ handling\ of\ the\ above
    | ^The\ above\ exception\ was | ^Exception\ Group\ Traceback""",
    re.VERBOSE,
)
# What launchers, installers and interpreters add after the words that matter.
_AFTERWORDS = re.compile(
    r"""^Execution\ halted$ | ^Calls:\ | ^WARNING: | ^\[notice\] | ^You\ should\ consider\ upgrading
    | ^A\ new\ release\ of\ pip\b | ^To\ update,\ run: | ^at\ [\w.$<>/]+\( | ^\.\.\.\ \d+\ more$
    | ^MPI_ABORT\ was\ invoked | ^with\ errorcode\ | ^NOTE:\ invoking\ MPI_ABORT | ^You\ may\ or\ may\ not\ see
    | ^exactly\ when\ Open\ MPI | ^Primary\ job\s+terminated | ^a\ non-zero\ exit\ code\.\ Per | ^mpirun\S*\ detected
    | ^the\ job\ to\ be\ terminated\. | ^Process\ name: | ^Exit\ code:\s+\d+$
    | ^ERROR:torch\.distributed | ^Failures:?$ | ^Root\ Cause\b | ^<NO_OTHER_FAILURES>$ | ^\[\d+\]:?$
    | ^(time|host|rank|exitcode|error_file|msg)\s+:\ | ^error_file:\ | ^traceback\s+:\ To\ enable
    | ^.{0,40}\d{1,3}%\|.*\| | ^\[[-\d:,.\ ]+\]\ \[(INFO|WARNING)\] | ^Set\ the\ environment\ variable\ HYDRA
    | ^Pass\ --helpshort | ^Stacktrace:$ | ^\[\d+\]\ \S+ | ^@\ \S+:\d+$ | ^note:\ run\ with\ .RUST_BACKTRACE
    | ^goroutine\ \d+ | ^exit\ status\ \d+$ | ^\S+\.go:\d+ | ^Node\.js\ v
    | ^(Aborted|Segmentation\ fault)\ \(core\ dumped\)$""",
    re.VERBOSE,
)
# Of an exception's message: where TensorFlow noticed it, and what else it would say.
_ASIDE = re.compile(r"^(Detected at node|Node: |Hint: |\[\[|\[Op:|\(\d+\) .*: Graph execution)|^$")
_NAMED = r"[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Failure|Warning|ExceptionGroup)"
_EXCEPTION = re.compile(
    rf"""^(?:[A-Za-z_]\w*\.)*{_NAMED}(?:\([\w.]+\))?(?::|$)
    | ^(?:[A-Za-z_]\w*\.)+(?:[A-Z]\w*|error|timeout|gaierror|herror)(?::\s|$)""",
    re.VERBOSE,
)
# As R, Julia, Go, Rust, C++ and Node.js begin theirs.
_ELSEWHERE = ("Error in ", "Error: ", "ERROR: LoadError: ", "panic: ", "thread '", "what(): ")
# These say that another process failed, and not why; and a warning did not end anything while an error is there.
_SECOND_HAND = re.compile(
    r"""^(?:[\w.]*\.)?(?:ChildFailedError|CalledProcessError|SystemExit|ProcessExitedException|HorovodInternalError
    |\w*Warning|(?:Base)?ExceptionGroup)\b""",
    re.VERBOSE,
)
_RANK = re.compile(r"^(?:\[[^\]\n]{1,40}\](?:<std(?:err|out)>)?:?\s*)+(?=[A-Za-z_])")
_OF_A_GROUP = re.compile(r"^(?:\+\s+)?(?:\|\s+)+")  # the frame that Python draws around several exceptions
_SOURCE_PLACE = re.compile(r"(?<=: )\[\d\d:\d\d:\d\d\] \S+:\d+: ")  # where a C++ library noticed it
_LOGGED = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.,]\d+: [EFW] \S+:\d+\] ")  # TensorFlow's and Abseil's log
_OF_JAVA = re.compile(r'^(?:Exception in thread "[^"]*" |Caused by: )(?=[a-z])')
_EXIT_CODE = re.compile(r",?\s*exit code: (-?\d+)\s*$")
_TOOLKIT_CODE = re.compile(r"^ExitCode\s+(-?\d+)\s*$", re.MULTILINE)
_TRANSLATED = re.compile(r'^ErrorMessage\s+"')
_SIGNAL = re.compile(r"^traceback\s+:\s+(Signal \d+ \(\w+\)).*")


def cause_of(reason: str | None) -> str:
    """The cause in one line of at most LONGEST characters, such as "ModuleNotFoundError: No module named 'lightgbm'".

    It is the last exception in the reason or, where there is none, its last line that is not part of the wrapping.
    """
    text = (reason or "").strip()
    code = _EXIT_CODE.search(text)
    said = list(_lines(text[: code.start()] if code else text))
    lines = [line for line in said if not _AFTERWORDS.match(line)] or said
    found = _exception(lines) or (lines[-1] if lines else "")
    if not re.search(r"\w", found.removeprefix("AlgorithmError")):
        code = code or _TOOLKIT_CODE.search(text)
        found = f"exit code {code.group(1)}" if code else NO_REASON
    return found if len(found) <= LONGEST else found[: LONGEST - 1] + "…"


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if _AFTERWORDS.match(line.strip()):
            yield line.strip().rstrip('"')  # also what stands in brackets, such as [notice]
            continue
        said = _OF_A_GROUP.sub("", _RANK.sub("", _TRANSLATED.sub("", line.strip())))
        said = _OF_JAVA.sub("", _LOGGED.sub("", said)).rstrip('"').strip()
        said = _SIGNAL.sub(r"\1 ended a process", said)
        if said and not _WRAPPING.match(said):
            yield _SOURCE_PLACE.sub("", said)


def _exception(lines: Sequence[str]) -> str | None:
    """The last exception that does not merely report another process."""
    raised = [place for place, line in enumerate(lines) if _EXCEPTION.match(line) or line.startswith(_ELSEWHERE)]
    first_hand = [place for place in raised if not _SECOND_HAND.match(lines[place])]
    if not raised:
        return None
    if not first_hand and "ChildFailedError" in lines[raised[-1]]:
        return lines[-1]  # what torchrun says of the process that failed
    return _whole(lines, (first_hand or raised)[-1])


def _whole(lines: Sequence[str], place: int) -> str:
    """The exception, with the first line of its message where its own line has none."""
    line = lines[place]
    if not re.search(r":$|\d+ validation errors? for \S+$", line):
        return line
    following = next((each for each in lines[place + 1 :] if not _ASIDE.match(each)), None)
    return f"{line.removesuffix('Graph execution error:').rstrip()} {following}" if following else line

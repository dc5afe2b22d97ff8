"""The answers of one check of an account, and checks that AWS may refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from gridwatch.cli.errors import CliError
from gridwatch.cli.session import AWS_ERRORS, explain
from gridwatch_rules.failures import GridwatchError


class Result(StrEnum):
    OK = "ok"
    WARNING = "warning"  # it works, but not as well as it could, or not for long
    FAILED = "failed"  # a deployment or an experiment will fail because of it
    UNKNOWN = "unknown"  # it could not be looked at


@dataclass(frozen=True, slots=True)
class Check:
    """One answer: `found` is what there is, `advice` what to do about it (empty when there is nothing to do)."""

    name: str
    result: Result
    found: str
    advice: str = ""


def looked(name: str, look: Callable[[], Iterable[Check]]) -> list[Check]:
    """The answers of a check; where AWS refused to answer, `unknown` with AWS's words, after the answers so far."""
    found: list[Check] = []
    try:
        for check in look():
            found.append(check)
    except AWS_ERRORS as error:
        found.append(
            Check(name, Result.UNKNOWN, explain(error), "allow it to whoever runs the doctor, or look by hand")
        )
    except (CliError, GridwatchError) as error:
        found.append(Check(name, Result.UNKNOWN, str(error)))
    return found

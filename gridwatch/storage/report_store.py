"""The store of the pages that rules make. Implementations: `gridwatch.aws.report_bucket` and the tests' own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class ReportStore(Protocol):
    def put(self, job_name: str, rule_name: str, page: str) -> str:
        """Save the page, replacing a former one, and return its address. Raises gridwatch_rules.failures errors."""
        ...


def told_where(details: str, address: str) -> str:
    """A rule's status details with the address of its page."""
    return f"{details}; the report is at {address}" if details else f"The report is at {address}"


@dataclass(frozen=True, slots=True)
class ReportPlace:
    """The address of the page about the experiment, and what the page says that rules would have saved."""

    bucket: str
    key: str
    replayed: str | None = None

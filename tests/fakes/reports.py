"""A store of pages in memory."""

from __future__ import annotations


class FakeReportStore:
    """Implements `gridwatch.storage.report_store.ReportStore`; `pages` by job and rule."""

    def __init__(self) -> None:
        self.pages: dict[tuple[str, str], str] = {}

    def put(self, job_name: str, rule_name: str, page: str) -> str:
        self.pages[(job_name, rule_name)] = page
        return f"s3://artifacts/reports/{job_name}/{rule_name}.html"

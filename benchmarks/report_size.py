"""Measures the page of a large experiment: its size, and how soon a browser has opened it."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from benchmarks.result import Result, report
from gridwatch.reports.experiment.facts import ExperimentFacts
from gridwatch.reports.experiment.report import create_report
from gridwatch.reports.experiment.tables import ExperimentTables, read_tables
from tests.browser.chromium import browser, find
from tests.experiment_tables import PRICES, MadeUp

TRIALS, STEPS, RUNS = 1000, 100, 5


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        files = MadeUp(TRIALS, STEPS).write(folder)
        begin = time.perf_counter()
        tables = read_tables(files.__getitem__)
        page = create_report(ExperimentFacts(tables=tables, prices=PRICES, expression="best.max_depth <= 6"))
        made = time.perf_counter() - begin
        file = folder / "report.html"
        file.write_text(page, encoding="utf-8")
        megabytes = file.stat().st_size / 1e6
        opened = _open_seconds(file, folder / "profile")
    as_csv = _csv_megabytes(tables)
    report(
        Result(
            name="report_size",
            ours=round(megabytes, 2),
            peer=round(as_csv, 2),
            unit="MB",
            ratio=round(as_csv / megabytes, 2),
            what=f"the page of {TRIALS:,} trials with {tables.shown_points:,} points of curves; peer: those points "
            "as CSV, which is no page yet. Opening: from the navigation until every script has run",
            more={
                "ours_mb": round(megabytes, 2),
                "wanted_mb": 5,
                "open_s": round(sorted(opened)[len(opened) // 2], 3) if opened else "no Chromium here",
                "wanted_open_s": 2,
                "all_open_s": [round(each, 3) for each in opened],
                "made_in_s": round(made, 2),
                "load_average": round(os.getloadavg()[0], 1),
            },
        )
    )


def _open_seconds(file: Path, profile: Path) -> list[float]:
    command = find()
    if command is None:
        return []
    with browser(command, profile) as page:
        opened = []
        for _ in range(RUNS + 1):
            page.open(file.as_uri())
            assert page.errors == [], page.errors
            opened.append(float(page.evaluate("document.documentElement.dataset.ready")) / 1000)
    return opened[1:]  # the first one starts the browser's own processes


def _csv_megabytes(tables: ExperimentTables) -> float:
    lines = (
        f"{each.trial_id},{each.name},{step},{value}\n"
        for each in tables.series
        for step, value in zip(each.steps, each.values, strict=True)
    )
    return sum(map(len, lines)) / 1e6


if __name__ == "__main__":
    main()

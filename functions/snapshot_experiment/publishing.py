"""Publishes the page about an experiment, made from the tables that a snapshot has just written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.savings.prices import PriceTable
from gridwatch.state.accepted_spec import spec_of
from gridwatch_rules.tensors.source import TensorSource


class PageBucket(Protocol):
    def put_experiment(self, experiment: str, page: str, replayed: str | None) -> str:
        """Save the page, replacing a former one, with what it says that rules would have saved; returns its address."""
        ...


@dataclass(frozen=True, slots=True)
class ReportPublisher:
    """Publishes pages. `open_profile` takes a job's name; `prices` are used to estimate what was spent."""

    bucket: PageBucket
    open_profile: Callable[[str], TensorSource]
    prices: Callable[[], PriceTable]

    def publish(self, record: ExperimentRecord, find: Callable[[str], Path]) -> str:
        """Publish the page and return its address. `find` returns the Parquet file of a table. Raises
        gridwatch_rules.failures errors.
        """
        # Only the snapshot of an experiment that has ended pays for these.
        from gridwatch.reports.experiment.facts import ExperimentFacts  # noqa: PLC0415
        from gridwatch.reports.experiment.judged import in_words  # noqa: PLC0415
        from gridwatch.reports.experiment.report import create_report  # noqa: PLC0415
        from gridwatch.reports.experiment.tables import read_tables  # noqa: PLC0415
        from gridwatch.reports.experiment.usage import read_usages  # noqa: PLC0415

        facts = ExperimentFacts(
            tables=read_tables(find),
            prices=self.prices(),
            expression=spec_of(record).hypothesis.expression,
        )
        facts = replace(facts, usages=read_usages(facts.by_place, self.open_profile))
        return self.bucket.put_experiment(record.name, create_report(facts), in_words(facts.replayed))

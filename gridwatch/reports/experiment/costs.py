"""The report's section about time and money: what an experiment took and what its stops saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from gridwatch.domain.savings import SavingsRecord
from gridwatch.reports.experiment.facts import ExperimentFacts
from gridwatch.savings.money import money as in_money
from gridwatch.savings.words import Saved, amount, amounts, span, time_of, together
from gridwatch_rules.page import paragraph, section, table

Row = Mapping[str, Any]


def money(found: ExperimentFacts) -> str:
    rows = []
    for state, count in found.states:
        trials = [each for each in found.tables.trials if each["state"] == state]
        seconds = [each["training_seconds"] for each in trials if each["training_seconds"] is not None]
        costs = [each["cost"] for each in trials if each["cost"] is not None]
        rows.append((escape(state), str(count), span(sum(seconds)) if seconds else "", _money(found, costs)))
    for label, each in (
        ("saved by stops", _saved(found, "stop")),
        ("stops would have saved (shadow)", [one for one in _priced(found) if one["shadow"]]),
    ):
        if each:
            rows.append((escape(label), str(len(each)), *_estimated(each)))
    rows += _audited(found)
    if not rows:
        return section("Time and money", paragraph("Nothing has been spent.", "muted"))
    prices = found.prices
    text = (
        f"Costs are estimates: billed seconds by the prices of {prices.source}, {prices.date}. What was saved is what "
        "was estimated when the stop was decided, and corrected when the job was over."
    )
    listed = table(("trials", "count", "training time", "cost"), rows, frozenset({1, 2, 3}))
    return section("Time and money", listed, paragraph(text, "muted"))


def spent_and_saved(found: ExperimentFacts) -> Iterator[tuple[str, str]]:
    """The lines of the summary."""
    costs = [each["cost"] for each in found.tables.trials if each["cost"] is not None]
    if costs:
        yield "Spent", f"about {in_money(sum(costs), found.prices.currency)} (estimate)"
    saved = _saved(found, "stop")
    if saved:
        yield "Saved", f"{amount(_total(saved))} by {len(saved)} stop{'s' if len(saved) > 1 else ''} (estimate)"


def _audited(found: ExperimentFacts) -> Iterator[tuple[str, str, str, str]]:
    """The audited stops, which were decided and not carried out: the estimate, and what really happened."""
    audited = [each for each in _priced(found) if each["audited"]]
    over = [each for each in audited if each["job_seconds_after"] is not None]
    if audited:
        yield "audited stops, estimated to save", str(len(audited)), *_estimated(audited)
    if over:
        best = any(each["job_was_best"] for each in over)
        label = "audited stops, really trained on" + (", the best trial among them" if best else "")
        costs = [each["job_cost_after"] for each in over if each["job_cost_after"] is not None]
        yield label, str(len(over)), span(sum(each["job_seconds_after"] for each in over)), _money(found, costs)


def _priced(found: ExperimentFacts) -> list[Row]:
    return [each for each in found.tables.findings if each["saved_seconds"] is not None]


def _saved(found: ExperimentFacts, action: str) -> list[Row]:
    return [each for each in _priced(found) if each["action"] == action]


def _estimated(rows: Sequence[Row]) -> tuple[str, str]:
    total = _total(rows)
    return escape(time_of(total)), escape(amounts(total))


def _total(rows: Sequence[Row]) -> Saved:
    return together([_record(row) for row in rows])


def _record(row: Row) -> SavingsRecord:
    """A record from a row of `findings`, whose table may be older than the bounds."""
    return SavingsRecord(
        seconds=row["saved_seconds"],
        cost=row["saved_cost"],
        currency=row["saved_currency"] or "",
        method=row["saved_method"] or "",
        price_per_hour=None,
        price_source="",
        seconds_low=row.get("saved_seconds_low"),
        seconds_high=row.get("saved_seconds_high"),
        cost_low=row.get("saved_cost_low"),
        cost_high=row.get("saved_cost_high"),
        bound=row.get("saved_bound"),
    )


def _money(found: ExperimentFacts, costs: Sequence[float]) -> str:
    return escape(in_money(sum(costs), found.prices.currency)) if costs else ""

"""What a report says rules would have saved: the replay of the very trials on the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gridwatch.reports.experiment import costs, judged, overview
from gridwatch.reports.experiment.facts import ExperimentFacts
from gridwatch.reports.experiment.tables import read_tables
from gridwatch_rules.judgement.backtest import RuleAcross, measure
from gridwatch_rules.judgement.catalogue import judgement_rule_names
from tests.experiment_tables import PRICES, MadeUp
from tests.unit.reports.markup import Markup


def facts_of(made_up: MadeUp, folder: Path) -> ExperimentFacts:
    files = made_up.write(folder)
    return ExperimentFacts(tables=read_tables(files.__getitem__), prices=PRICES)


def test_every_rule_is_replayed_over_the_trials_that_trained_to_their_end(tmp_path: Path) -> None:
    facts = facts_of(MadeUp(40, 30), tmp_path)
    found = facts.replayed
    assert found.grid is not None
    assert found.total == 40 - 6  # every seventh was stopped
    assert found.grid.incomplete == 6
    assert [each.rule for each in found.outcomes] == list(judgement_rule_names())
    asha = next(each for each in found.outcomes if each.rule == "ASHA")
    assert asha == measure(found.grid, RuleAcross("ASHA", {}), found.orders, [judged.WORKERS], None)
    assert 0.3 < asha.saved_and_killed[0] < 0.95
    page = Markup(judged.judgement(found))
    assert (
        "the 34 trials that trained to their end, judging by validation-error. 6 that did not are left out" in page.text
    )
    assert all(name in page.text for name in judgement_rule_names())
    drawn = judged.drawn_judgement(found)
    assert any(each["front"] for each in drawn)
    assert {each["rule"] for each in drawn} == set(judgement_rule_names())


def test_too_little_says_why_nothing_was_replayed(tmp_path: Path) -> None:
    few = facts_of(MadeUp(3, 5, findings=False), tmp_path / "few")
    assert "3 trials trained to their end; rules across trials need 4 or more" in judged.judgement(few.replayed)
    none = facts_of(MadeUp(0, 5), tmp_path / "none")
    assert "Nothing was replayed" in judged.judgement(none.replayed)
    assert judged.drawn_judgement(none.replayed) == []


def test_of_a_large_experiment_a_part_is_drawn_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judged, "_MOST_REPORTS", 300)
    found = facts_of(MadeUp(40, 30), tmp_path).replayed
    assert found.grid is not None
    assert (len(found.grid.trials), found.total) == (10, 34)
    assert "replayed over 10 of the 34 trials" in judged.judgement(found)


def test_audited_stops_stand_beside_what_their_rest_really_took(tmp_path: Path) -> None:
    facts = facts_of(MadeUp(16, 30), tmp_path)
    audited = [
        {**each, "audited": True, "action": "would_stop", "job_seconds_after": 450.0, "job_cost_after": 0.015}
        for each in facts.tables.findings
    ]
    page = Markup(costs.money(replace(facts, tables=replace(facts.tables, findings=audited))))
    assert "audited stops, estimated to save" in page.text
    assert "audited stops, really trained on" in page.text
    assert "15 min" in page.text  # two of 450 seconds


def test_points_in_a_doomed_region_are_counted(tmp_path: Path) -> None:
    facts = facts_of(MadeUp(8, 5, findings=False), tmp_path)
    reason = "its point lies in a doomed region: eta = 1.0"
    trials = [{**each, "state": "cancelled", "reason": reason} for each in facts.tables.trials]
    page = Markup(overview.summary(replace(facts, tables=replace(facts.tables, trials=trials))))
    assert "eta = 1.0: 8 points held back" in page.text


def test_the_rule_that_would_have_cost_least_stands_in_a_line(tmp_path: Path) -> None:
    found = facts_of(MadeUp(40, 30), tmp_path / "some").replayed
    line = judged.in_words(found)
    assert line is not None
    assert line.isascii()
    least = min(each.saved_and_killed[1] for each in found.outcomes)
    saved = max(each.saved_and_killed[0] for each in found.outcomes if each.saved_and_killed[1] == least)
    assert f"would have saved {100 * saved:.0f} % of the training time and killed" in line
    assert judged.in_words(facts_of(MadeUp(2, 5), tmp_path / "few").replayed) is None
    flat = facts_of(MadeUp(6, 2, findings=False), tmp_path / "flat").replayed
    none = replace(flat, outcomes=[each for each in flat.outcomes if each.rule == "Patience"])
    assert judged.in_words(none) == "no rule across trials would have saved anything of these 6 trials"

"""The page about an experiment: what it says without a browser. tests/browser looks at its charts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gridwatch.reports.experiment.facts import ExperimentFacts
from gridwatch.reports.experiment.report import create_report
from gridwatch.reports.experiment.tables import read_tables
from gridwatch.reports.experiment.usage import BINS, CELLS, ResourceUse, TrialUsage, Usages
from gridwatch.reports.interactive import interactive_page
from tests.experiment_tables import METRIC, PRICES, MadeUp
from tests.unit.reports.markup import Markup


def facts_of(made_up: MadeUp, folder: Path, **changes: Any) -> ExperimentFacts:
    tables = read_tables(made_up.write(folder).__getitem__)
    return replace(ExperimentFacts(tables=tables, prices=PRICES), **changes)


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


@pytest.fixture(scope="module")
def half_failed(tmp_path_factory: pytest.TempPathFactory) -> ExperimentFacts:
    made_up = MadeUp(40, 30, failed=True)
    return facts_of(made_up, tmp_path_factory.mktemp("half"), expression="best.lambda < 1000")


def test_every_trial_stands_in_the_leaderboard_the_best_first(half_failed: ExperimentFacts) -> None:
    page = Markup(create_report(half_failed))
    shown = [int(attributes["data-trial"] or "") for tag, attributes in page.tags if "data-trial" in attributes]
    assert sorted(shown) == list(range(40))
    values = [half_failed.tables.trials[place]["objective_value"] for place in shown]
    assert values[:20] == sorted(values[:20])
    assert values[20:] == [None] * 20
    assert "AlgorithmError: <the disk> & the data were full" in {attributes.get("title") for _, attributes in page.tags}


def test_the_summary_says_what_was_asked_and_answered(half_failed: ExperimentFacts) -> None:
    text = Markup(create_report(half_failed)).text
    best = min(trial["objective_value"] for trial in half_failed.tables.trials if trial["objective_value"] is not None)
    assert "Depth beyond 6 does not pay." in text
    assert "best.lambda < 1000: holds, by the results of 20 trials" in text
    assert "17 completed, 3 stopped, 20 failed" in text
    assert f"{METRIC} {best:.6g}" in text
    assert "by 3 stops (estimate)" in text


@pytest.mark.parametrize(("source", "where"), [
    ("hook", "0.25 at step 48"), ("log", "0.25 at line 48 of those with a metric in its log"),
])  # fmt: skip
def test_the_best_value_is_where_its_own_axis_says(half_failed: ExperimentFacts, source: str, where: str) -> None:
    best = {"objective_best": 0.25, "objective_best_step": 48, "objective_source": source}
    trials = [{**trial, "objective_best": None} for trial in half_failed.tables.trials]
    tables = replace(half_failed.tables, trials=[{**trials[0], **best}, *trials[1:]])
    assert f"{METRIC} {where}" in Markup(create_report(replace(half_failed, tables=tables))).text


@pytest.mark.parametrize(("value", "said"), [(None, "none has a value of"), (float("nan"), "no last value of")])
def test_last_values_that_are_not_finite_are_not_denied(
    half_failed: ExperimentFacts, value: float | None, said: str
) -> None:
    trials = [{**trial, "objective_value": value} for trial in half_failed.tables.trials]
    tables = replace(half_failed.tables, trials=trials)
    assert f"{said} {METRIC}" in Markup(create_report(replace(half_failed, tables=tables))).text


def test_rules_that_saw_nothing_or_failed_are_told_beside_the_findings(half_failed: ExperimentFacts) -> None:
    blind = {"rule_name": "relu", "status": "SawNothing", "details": "DeadRelu looks for <batches>", "job_name": "a"}
    evaluations = [blind, {**blind, "job_name": "b", "status": "NoIssuesFound"}, {**blind, "rule_name": "own"} | FAILED]
    told = [
        "relu saw nothing to judge by in 1 of 2 trials: DeadRelu looks for <batches>",
        "own failed in 1 of 1 trials: KeyError: 'loss'",
    ]
    with_findings = replace(half_failed.tables, evaluations=evaluations)
    without = replace(with_findings, findings=())
    for tables in (with_findings, without):
        text = Markup(create_report(replace(half_failed, tables=tables))).text
        assert all(line in text for line in told)
    assert "Evaluations of rules: 3, none with an issue; 1 came to the verdict NoIssuesFound." in text


FAILED = {"status": "Error", "details": "KeyError: 'loss'"}


def test_money_is_billed_seconds_by_the_price(half_failed: ExperimentFacts) -> None:
    # 25 s of one instance at 3.6 an hour: 0.025 each.
    assert {trial["cost"] for trial in half_failed.tables.trials} == {0.025}
    rows = re.findall(r"<tr><td>(\w+)</td><td class=\"number\">(.*?)</tr>", create_report(half_failed))
    assert "7 min 5 s" in dict(rows)["completed"]


def test_curves_come_back_as_they_were_logged(tmp_path: Path) -> None:
    made_up = MadeUp(3, 5, findings=False)
    page = create_report(facts_of(made_up, tmp_path))
    data = data_of(page)
    (metric,) = [each for each in data["metrics"] if each["name"] == METRIC]
    values = struct.unpack("<15f", base64.b64decode(metric["values"]))
    steps = struct.unpack("<5i", base64.b64decode(data["steps"][0]))
    wanted = [
        value
        for trial in made_up.facts().trials
        for _, value in made_up.curve(trial.trial.index, trial.trial.hyperparameters)
    ]
    assert values == pytest.approx(wanted, rel=1e-6)
    assert (steps, metric["points"], metric["pools"]) == ((0, 1, 2, 3, 4), [5, 5, 5], [0, 0, 0])


def test_too_many_points_are_thinned_and_it_is_said(tmp_path: Path) -> None:
    files = MadeUp(10, 200, findings=False).write(tmp_path)
    tables = read_tables(files.__getitem__, most_points=1000)
    assert tables.point_count == 4000
    assert tables.shown_points <= 1100
    assert {(each.steps[0], each.steps[-1]) for each in tables.series} == {(0, 199)}
    page = create_report(ExperimentFacts(tables=tables, prices=PRICES))
    assert "Of 4,000 points 1,020 are drawn" in page
    assert tables.last_values[METRIC] == read_tables(files.__getitem__).last_values[METRIC]


def test_findings_stand_on_the_curve_of_their_tensor(half_failed: ExperimentFacts) -> None:
    (finding, *_) = data_of(create_report(half_failed))["findings"]
    assert (finding["metric"], finding["step"], finding["rule"]) == (METRIC, 9, "loss")
    assert finding["action"] == "stop: stop requested"


@pytest.mark.parametrize("trials", [0, 1])
def test_an_experiment_with_next_to_nothing_says_so(trials: int, tmp_path: Path) -> None:
    page = create_report(facts_of(MadeUp(trials, 2, findings=False), tmp_path))
    text = Markup(page).text
    wanted = (
        ["The experiment has no trials.", "No trial has a result yet."] if not trials else ["No hyperparameter differs"]
    )
    assert [each for each in wanted if each not in text] == []


def test_nothing_is_loaded_and_nothing_of_users_becomes_markup(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    made_up = MadeUp(3, 2, document={"hypothesis": evil, "owner": evil})
    page = create_report(facts_of(made_up, tmp_path))
    assert evil not in page
    assert evil in Markup(page).text
    found = Markup(page)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    policy = next(a["content"] or "" for tag, a in found.tags if a.get("http-equiv") == "Content-Security-Policy")
    for script in scripts:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
    assert "default-src 'none'" in policy
    assert not [tag for tag, a in found.tags if tag in ("link", "iframe", "img") or a.get("src") or a.get("href")]


def test_charts_say_what_they_show(half_failed: ExperimentFacts) -> None:
    usage = TrialUsage("0000000001", 5.0, {"CPU": ResourceUse((1,) * BINS, (50.0,) * CELLS)})
    page = Markup(create_report(replace(half_failed, usages=Usages([usage], 1))))
    plots = {a["id"]: a for tag, a in page.tags if "plot" in (a.get("class") or "")}
    assert set(plots) == {"curves", "parallel", "importance", "slices", "finals", "judged", "uses", "heat"}
    for attributes in plots.values():
        assert (attributes["role"], attributes["tabindex"]) == ("img", "0")
        assert len(attributes["aria-label"] or "") > 40
    assert "CPU 50 %" in (plots["heat"]["aria-label"] or "")
    assert "Kruskal-Wallis effect size" in page.text, "the method has its name"


def test_the_library_is_the_pinned_one() -> None:
    root = Path(__file__).resolve().parents[3]
    assets = root / "gridwatch/reports/assets"
    pinned = json.loads((root / "package.json").read_text())["devDependencies"]["echarts"]
    about = json.loads((assets / "echarts.json").read_text())
    library = (assets / "echarts.min.js").read_bytes()
    assert about == {"version": pinned, "sha256": hashlib.sha256(library).hexdigest()}
    assert f'version="{pinned}"'.encode() in library


def test_the_largest_objective_wins_when_it_is_to_be_maximized(tmp_path: Path) -> None:
    facts = facts_of(MadeUp(8, 5, document={"objective": {"metric": METRIC, "direction": "maximize"}}), tmp_path)
    values = [facts.tables.trials[place]["objective_value"] for place in facts.order]
    assert values == sorted(values, reverse=True)
    assert len(values) == 8
    assert facts.best_at[-1].trial_id == facts.tables.trials[facts.order[0]]["trial_id"]


def test_equal_objectives_share_a_place(half_failed: ExperimentFacts) -> None:
    trials = [
        {**trial, "objective_value": value} for trial, value in zip(half_failed.tables.trials, (2, 1, 1), strict=False)
    ]
    facts = replace(half_failed, tables=replace(half_failed.tables, trials=trials))
    assert facts.places == {1: 1, 2: 1, 0: 3}


def test_nothing_in_the_data_ends_its_element() -> None:
    evil = "</script><script>alert(1)</script>\u2028<!--"
    page = interactive_page("t", "s", [], {"name": evil, "odd": [float("nan"), float("-inf"), 1.5]}, ())
    assert evil not in page
    assert data_of(page) == {"name": evil, "odd": [None, None, 1.5]}

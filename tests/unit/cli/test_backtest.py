"""`gridwatch backtest` on files of curves and on rows of the tables."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gridwatch.cli.main import main
from gridwatch.tables.finished import curves_of, grid_of
from gridwatch_rules.judgement.grids import GridError

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def gridwatch(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["gridwatch", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        printed = capsys.readouterr()
        assert isinstance(exit_.value.code, int)
        return exit_.value.code, printed.out, printed.err

    return run


@pytest.fixture
def curves(tmp_path: Path) -> Path:
    """Sixty trials that fall to different ends, a third of which never learn."""
    entries = [
        {
            "config": {"lr": place},
            "train_loss": [1 / (step + 1) for step in range(20)],
            "validation_loss": [1.0] * 20 if place % 3 == 0 else [place / 60 + 1 / (step + 1) for step in range(20)],
            "accuracy": [0.1] * 20 if place % 3 == 0 else [0.5 + step / 50 for step in range(20)],
            "seconds": 40.0,
        }
        for place in range(60)
    ]
    path = tmp_path / "grid.json.gz"
    path.write_bytes(gzip.compress(json.dumps(entries).encode()))
    return path


def test_one_rule_as_json(gridwatch: Run, curves: Path) -> None:
    code, out, _ = gridwatch(
        "backtest", "--curves", curves, "--rule", "GridDefault", "--orders", 5, "--hopeless", 0.3, "--json"
    )
    assert code == 0
    found = json.loads(out)
    assert 0.3 < found["saved"] < 0.95
    assert found["top_killed"] == 0.0
    assert found["hopeless_caught"] > 0.8
    assert found["accuracy_regret_pp"] == 0.0
    assert found["intervals"]["saved"][0] <= found["saved"] <= found["intervals"]["saved"][1]
    assert found["grid_seconds"] == 2400.0


def test_each_setting_of_the_dial_is_replayed(gridwatch: Run, curves: Path) -> None:
    settings = ("--stopping", "cautious", "--stopping", "balanced", "--stopping", "eager")
    code, out, _ = gridwatch("backtest", "--curves", curves, *settings, "--orders", 2, "--json")
    assert code == 0
    found = json.loads(out)["results"]
    assert [each["parameters"] for each in found] == [{"stopping": each} for each in settings[1::2]]
    assert {each["rule"] for each in found} == {"GridDefault"}
    saved = [each["saved"] for each in found]
    assert saved[0] < saved[1] < saved[2]
    arguments = ("backtest", "--curves", curves, "--orders", 2, "--json")
    _, out, _ = gridwatch(*arguments, "--rule", "GridDefault")
    assert json.loads(out)["saved"] == saved[1]
    _, out, _ = gridwatch(*arguments, "--stopping", "balanced", "-p", "min_trials=30")
    assert json.loads(out)["saved"] < saved[1]
    code, _, err = gridwatch("backtest", "--curves", curves, "--stopping", "bold")
    assert code == 2
    assert "'bold' is not one of" in err


def test_a_parameter_changes_the_score(gridwatch: Run, curves: Path) -> None:
    saved = []
    for patience in (2, 10):
        _, out, _ = gridwatch(
            "backtest", "--curves", curves, "--rule", "Patience", "-p", f"patience={patience}", "--json", "--orders", 1
        )
        saved.append(json.loads(out)["saved"])
    assert saved == [pytest.approx(17 / 20 / 3), pytest.approx(9 / 20 / 3)]


def test_several_rules_as_a_table_with_money_and_a_picture(gridwatch: Run, curves: Path, tmp_path: Path) -> None:
    picture = tmp_path / "plot.png"
    rules = ("--rule", "Patience", "--rule", "ASHA", "--rule", "MetricPlateau+MetricNonFinite", "-p", "ASHA.grace=3")
    replays = ("--orders", 2, "--workers", 4, "--workers", 8, "--price", 3.6)
    code, out, err = gridwatch("backtest", "--curves", curves, *rules, *replays, "--plot", picture)
    assert code == 0, err
    assert "ASHA grace=3" in out
    assert "MetricPlateau+MetricNonFinite" in out
    assert "means of 4 replays" in out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_money_is_the_price_of_the_spared_seconds(gridwatch: Run, curves: Path) -> None:
    _, out, _ = gridwatch(
        "backtest", "--curves", curves, "--rule", "Patience", "--price", 3600, "--orders", 1, "--json"
    )
    found = json.loads(out)
    assert found["saved_cost"] == pytest.approx(found["saved"] * 2400)
    assert found["currency"] == "USD"
    arguments = ("backtest", "--curves", curves, "--rule", "Patience", "--price", 0.01, "--currency", "EUR")
    _, out, _ = gridwatch(*arguments, "--orders", 1)
    assert re.search(r" 0\.00\d+ EUR", out), out


def test_a_rule_of_ones_own(gridwatch: Run, curves: Path, tmp_path: Path) -> None:
    own = tmp_path / "own_rule.py"
    own.write_text(
        "from gridwatch_rules.rules.requirement import Requirement\n"
        "from gridwatch_rules.rules.rule import Rule\n"
        "class Late(Rule):\n"
        "    name, summary = 'Late', 'fires late'\n"
        "    def requirement(self):\n"
        "        return Requirement(patterns=('val_loss',))\n"
        "    def check(self, view):\n"
        "        return self.finding(view, None, None, None, 'late') if view.step == 9 else None\n"
        "class Other: ...\n"
    )
    code, out, _ = gridwatch("backtest", "--curves", curves, "--rule", f"{own}:Late", "--json", "--orders", 1)
    assert code == 0
    assert json.loads(out)["saved"] == pytest.approx(0.5)
    code, _, err = gridwatch("backtest", "--curves", curves, "--rule", f"{own}:Other")
    assert code == 1
    assert "is a subclass of neither smdebug.rules.Rule nor gridwatch_rules.rules.rule.Rule" in err


def test_a_rule_written_for_smdebug(gridwatch: Run, curves: Path, tmp_path: Path) -> None:
    rule = f"{Path(__file__).parents[3] / 'examples' / 'rules' / 'loss_above.py'}:LossAbove"
    arguments = (
        "--rule",
        rule,
        "-p",
        "metric=val_loss",
        "-p",
        "limit=0.999",
        "-p",
        "steps=15",
        "--json",
        "--orders",
        1,
    )
    code, out, _ = gridwatch("backtest", "--curves", curves, *arguments)
    assert code == 0
    # The twenty that stay at 1.0 and the three that fall to 0.93 and above are over the limit for 15 of 20 reports.
    assert json.loads(out)["saved"] == pytest.approx(23 / 60 * 5 / 20)
    assert json.loads(out)["top_killed"] == 0.0
    code, _, err = gridwatch("backtest", "--curves", curves, "--rule", rule, "-p", "metric=other")
    assert code == 1
    assert "LossAbove looks at none of the curves" in err
    broken = tmp_path / "broken_rule.py"
    broken.write_text(
        "from smdebug.rules import Rule\n"
        "class Broken(Rule):\n"
        "    def invoke_at_step(self, step):\n"
        "        raise KeyError('nothing')\n"
    )
    code, _, err = gridwatch("backtest", "--curves", curves, "--rule", f"{broken}:Broken")
    assert code == 1
    assert "Broken failed on trial 0: KeyError: 'nothing'" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rule", "GridDefalt"), "there is no rule 'GridDefalt'"),
        (("--rule", "ASHA", "-p", "grase=3"), "no chosen rule has a parameter 'grase'"),
        (("--rule", "ASHA", "-p", "grace=soon"), "allowed is integer"),
        (("--rule", "VanishingGradient"), "looks at none of the curves"),
        (("--metric", "f1"), "no configuration has values of 'f1'"),
        (("--rule", "ASHA+Patience", "-p", "ASHA.resource=rounds"), "count in one resource"),
        (("--direction", "up"), "allowed are min and max"),
    ],
)
def test_what_cannot_be_done_is_told(gridwatch: Run, curves: Path, arguments: tuple[str, ...], said: str) -> None:
    code, _, err = gridwatch("backtest", "--curves", curves, "--orders", 1, *arguments)
    assert code in (1, 2)
    assert said in " ".join(err.replace("│", " ").split())


def test_files_that_are_none(gridwatch: Run, tmp_path: Path) -> None:
    assert "cannot be read" in gridwatch("backtest", "--curves", tmp_path / "nowhere.json")[2]
    (tmp_path / "no.json").write_text("{}")
    assert "wanted" in gridwatch("backtest", "--curves", tmp_path / "no.json")[2]
    assert gridwatch("backtest")[0] == 2


def trial(name: str, **fields: Any) -> dict[str, Any]:
    row = {"trial_id": name, "grid_index": 0, "state": "completed", "objective_metric": "validation-auc"}
    row |= {"objective_direction": "maximize", "training_seconds": 120.0, "instance_type": "ml.m5.large"}
    return row | {"instance_count": 2} | fields


def point(name: str, metric: str, step: int, value: float | None, mode: str = "GLOBAL") -> dict[str, Any]:
    return {"trial_id": name, "name": metric, "mode": mode, "step": step, "value": value}


def test_an_experiment_is_read_from_the_rows_of_its_tables() -> None:
    points = [point("a", "validation-auc", step, 0.5 + step / 100) for step in (0, 5, 10)]
    points += [point("a", "train-auc", 0, 0.9), point("b", "validation-auc", 0, None)]
    trials = [trial("a"), trial("b"), trial("c", state="stopped"), trial("d", training_seconds=None), trial("e")]
    grid = grid_of("exp", trials, curves_of(points), None, None)
    assert (grid.metric, grid.maximize, grid.incomplete) == ("validation-auc", True, 3)
    first, second = grid.trials
    assert first.losses == [-0.5, -0.55, -0.6]
    assert (first.seconds, first.steps) == (120.0, [0, 5, 10])
    assert first.price_per_hour is not None
    assert second.losses == [float("inf")]
    assert list(grid.counted_in("rounds").trials[0].resources) == [1, 6, 11]
    assert list(grid.counted_in("seconds").trials[0].resources) == [40.0, 80.0, 120.0]


def test_of_modes_the_evaluation_is_judged() -> None:
    points = [point("a", "loss", 0, 1.0, "TRAIN"), point("a", "loss", 1, 2.0, "EVAL")]
    grid = grid_of(
        "exp", [trial("a", objective_metric="loss", objective_direction="minimize")], curves_of(points), None, None
    )
    assert grid.trials[0].losses == [2.0]


def test_an_experiment_without_objective_or_curves_is_told() -> None:
    with pytest.raises(GridError, match="has no objective"):
        grid_of("exp", [trial("a", objective_metric=None)], {}, None, None)
    with pytest.raises(GridError, match="no completed trial has a curve of 'validation-auc'; curves there are: loss"):
        grid_of("exp", [trial("a")], curves_of([point("a", "loss", 0, 1.0)]), None, None)

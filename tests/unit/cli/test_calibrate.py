"""`gridwatch calibrate`: chosen on some experiments, judged on those it did not see."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from gridwatch.cli.main import main
from gridwatch_rules.judgement.calibration import candidates
from gridwatch_rules.judgement.catalogue import create_judgement_rule

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
def experiment(tmp_path: Path) -> Callable[[str, int], Path]:
    def make(name: str, trials: int, *, treacherous: bool = False) -> Path:
        draw = random.Random(name)
        entries = []
        for place in range(trials):
            end, rate = draw.random(), draw.uniform(0.5, 1.5)
            curve = [end + (step + 1) ** -rate + draw.gauss(0, 0.01) for step in range(15)]
            if treacherous and place % 10 == 0:
                curve = [2.0] * 14 + [
                    0.01 * draw.random() / 100
                ]  # a few that stand still to the end win, unlike all others
            entries.append({"validation_loss": curve, "seconds": 15.0})
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(entries))
        return path

    return make


def test_one_experiment_is_split_and_only_careful_choices_are_tried(
    gridwatch: Run, experiment: Callable[..., Path], tmp_path: Path
) -> None:
    block = tmp_path / "rules.yaml"
    arguments = ("--curves", experiment("one", 60), "--max-killed", 0.1, "--orders", 2, "-o", block)
    code, out, err = gridwatch("calibrate", *arguments)
    assert code == 0, err
    assert "one, half 1" in out
    assert "the intervals say nothing of how other experiments differ" in out
    (rule,) = yaml.safe_load(block.read_text())["rules"]
    assert rule["on_issue"] == "stop"
    assert "probability" in rule["parameters"]
    create_judgement_rule(rule["rule"], rule["parameters"])


def test_of_several_experiments_each_is_judged_by_what_was_chosen_without_it(
    gridwatch: Run, experiment: Callable[..., Path]
) -> None:
    files = [argument for name in ("one", "two", "three") for argument in ("--curves", experiment(name, 25))]
    code, out, _ = gridwatch("calibrate", *files, "--max-killed", 0.1, "--orders", 2, "--json")
    assert code == 0
    found = json.loads(out)
    assert [each["unit"] for each in found["held_out"]] == ["one", "two", "three"]
    assert found["expected"]["across"] is True
    low, high = found["expected"]["saved"]["low"], found["expected"]["saved"]["high"]
    assert low <= found["expected"]["saved"]["mean"] <= high
    assert found["expected"]["saved"]["mean"] == pytest.approx(sum(each["saved"] for each in found["held_out"]) / 3)


def test_a_history_that_is_too_small_is_refused_with_what_would_do(
    gridwatch: Run, experiment: Callable[..., Path]
) -> None:
    code, _, err = gridwatch("calibrate", "--curves", experiment("small", 60))
    assert code == 1
    assert "the history is too small: 60 trials trained to their end, at least 100 are needed" in err


def test_where_nothing_keeps_within_the_limit_nothing_is_chosen(
    gridwatch: Run, experiment: Callable[..., Path]
) -> None:
    path = experiment("treacherous", 100, treacherous=True)
    code, _, err = gridwatch("calibrate", "--curves", path, "--max-killed", 0.05, "--orders", 2)
    assert code == 1
    assert "nothing that was tried kills at most 5 %" in " ".join(err.split())


@pytest.mark.parametrize("careful", [True, False])
def test_every_candidate_is_a_rule_with_parameters_that_it_takes(careful: bool) -> None:
    for candidate in candidates(careful=careful):
        create_judgement_rule(candidate.rule, candidate.parameters)

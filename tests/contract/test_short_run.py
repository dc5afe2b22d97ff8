"""`gridwatch preflight --run` trains for real, in the local training environment, on data with planted faults."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from gridwatch.cli.demo.dataset import generate, write_csv
from gridwatch.cli.main import app

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venvs" / "xgboost" / "bin" / "python"
Rows = list[list[str]]

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the training environment is missing; run: make setup")


def sound(rows: Rows) -> None:
    """The demo's data as it is."""


def shuffled_labels(rows: Rows) -> None:
    labels = [row[0] for row in rows]
    random.Random(1).shuffle(labels)
    for row, label in zip(rows, labels, strict=True):
        row[0] = label


def equal_features(rows: Rows) -> None:
    for row in rows:
        row[1:] = ["1"] * len(row[1:])


def labels_of_three(rows: Rows) -> None:
    for row in rows[::100]:
        row[0] = "3"


def run(folder: Path, change: Callable[[Rows], None] = sound, **hyperparameters: Any) -> dict[str, list[str]]:
    """Check -> its messages, of the blobs example with one point."""
    train = write_csv(generate(), folder)["train"]
    rows = [line.split(",") for line in train.read_text().split()]
    change(rows)
    train.write_text("\n".join(map(",".join, rows)) + "\n")
    document = yaml.safe_load((ROOT / "examples" / "blobs.yaml").read_text())
    document["hyperparameters"] |= hyperparameters
    document["grid"] = {name: values for name, values in document["grid"].items() if name not in hyperparameters}
    (folder / "spec.yaml").write_text(yaml.safe_dump(document))
    command = ["preflight", str(folder / "spec.yaml"), "--data", str(folder), "--run", "--json"]
    said = json.loads(CliRunner().invoke(app, command).stdout)
    found: dict[str, list[str]] = {}
    for notice in said["notices"]:
        if notice["check"].startswith("short-run"):
            found.setdefault(notice["check"], []).append(notice["message"])
    return found


def test_sound_data_and_hyperparameters_learn(tmp_path: Path) -> None:
    assert run(tmp_path) == {}


def test_an_eta_that_moves_nothing_cannot_learn_a_batch_by_heart(tmp_path: Path) -> None:
    assert list(run(tmp_path, eta=1e-9)) == ["short-run-overfits"]


def test_shuffled_labels_are_learned_by_heart_but_hold_for_no_other_rows(tmp_path: Path) -> None:
    assert list(run(tmp_path, shuffled_labels)) == ["short-run-learns"]


def test_rows_that_are_all_alike_cannot_be_learned(tmp_path: Path) -> None:
    assert "short-run-overfits" in run(tmp_path, equal_features)


def test_a_base_score_far_from_the_labels_is_an_initial_loss_that_is_not_expected(tmp_path: Path) -> None:
    assert "short-run-initial-loss" in run(tmp_path, base_score=0.0001)


def test_what_xgboost_refuses_is_told_with_its_words(tmp_path: Path) -> None:
    (message,) = run(tmp_path, labels_of_three)["short-run"]
    assert message.endswith("): label must be in (0, 1) for logistic regression")


def test_of_other_objectives_the_first_round_is_run_by_the_metrics_of_the_spec(tmp_path: Path) -> None:
    (message,) = run(tmp_path, objective="rank:pairwise")["short-run"]
    assert message.startswith("only the first round was run: what the loss of rank:pairwise should be")


def of_real_labels(rows: Rows) -> None:
    for place, row in enumerate(rows):
        row[0] = str(place % 7 / 2 + 30)


def test_the_metrics_of_the_spec_are_evaluated(tmp_path: Path) -> None:
    """Labels beyond 31 are told by another check before; this one has XGBoost's own word for it."""
    messages = run(tmp_path, of_real_labels, objective="reg:squarederror", eval_metric=["ndcg@5", "error"])["short-run"]
    assert "When using relevance degree as target, label must be either 0 or positive integer" in messages[0]


def test_each_trial_is_run(tmp_path: Path) -> None:
    """Labels that fit one objective of the grid and not the other."""
    train = write_csv(generate(), tmp_path)["train"]
    train.write_text("".join(f"{0.5 + place % 3},{line.partition(',')[2]}\n"
                             for place, line in enumerate(train.read_text().split())))  # fmt: skip
    document = yaml.safe_load((ROOT / "examples" / "blobs.yaml").read_text())
    document["objective"] = {"metric": "train-rmsle", "direction": "minimize"}
    document["data"] = {"train": document["data"]["train"]}
    document["hyperparameters"] = {"eval_metric": "rmsle,mape", "num_round": 3}
    document["grid"] = {"objective": ["reg:squarederror", "reg:logistic"]}
    document["preflight"] = {"warn": ["label"]}
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(document))
    command = ["preflight", str(tmp_path / "spec.yaml"), "--data", str(tmp_path), "--run", "--json"]
    said = json.loads(CliRunner().invoke(app, command).stdout)
    (message,) = [each["message"] for each in said["notices"] if "failed" in each["message"]]
    assert "a trial with objective reg:logistic" in message
    assert "must be in (0,1) for the logistic loss" in message

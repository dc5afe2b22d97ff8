"""The report of a training as the hook saves it: what it shows follows from what was learned."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from gridwatch.reports.xgboost_report import create_report
from gridwatch.reports.xgboost_training import Task, read_training
from gridwatch_rules.tensors.reader import TensorReader
from tests.tensor_folder import TensorFolder
from tests.unit.reports.markup import check

RNG = np.random.default_rng(11)
ROWS = 200


def training(labels: Any, predictions: Any, metric: str = "error", objective: str | None = None) -> TensorFolder:
    folder = TensorFolder({"metrics": ["-"], "predictions": ["predictions"], "labels": ["labels"]})
    for step in range(0, 30, 5):
        tensors = {
            f"train-{metric}": 0.5 - step / 100,
            f"validation-{metric}": 0.6 - step / 100 + (0.2 if step == 25 else 0.0),
            "labels": np.asarray(labels, dtype=np.float32),
            "predictions": np.asarray(predictions, dtype=np.float32),
            "feature_importance/gain/<age>": 0.75,
            "feature_importance/gain/height": 0.25,
            "feature_importance/weight/height": 1.0,
        }
        if step == 0 and objective:
            tensors |= {"hyperparameters/objective": [objective], "hyperparameters/max_depth": 5}
        folder.save(step, tensors)
    return folder


def report(folder: TensorFolder) -> Any:
    return check(create_report(TensorReader(folder.source()), "job <1>"))


def headings(document: str) -> list[str]:
    return [part.partition("</h2>")[0] for part in document.split("<h2>")[1:]]


BINARY = RNG.integers(0, 2, ROWS)
TASKS = {
    "binary:logistic": (BINARY, np.clip(BINARY * 0.4 + RNG.random(ROWS) * 0.6, 0, 1), ["Confusion matrix", "ROC"]),
    "multi:softprob": (RNG.integers(0, 3, ROWS), RNG.dirichlet([1, 1, 1], ROWS), ["Confusion matrix", "ROC"]),
    "multi:softmax": (RNG.integers(0, 3, ROWS), RNG.integers(0, 3, ROWS), ["Confusion matrix"]),
    "reg:squarederror": (RNG.normal(size=ROWS), RNG.normal(size=ROWS), ["Residuals"]),
}


@pytest.mark.parametrize("objective", TASKS)
def test_sections_follow_from_the_task(objective: str) -> None:
    labels, predictions, expected = TASKS[objective]
    folder = training(labels, predictions, objective=objective)
    document = create_report(TensorReader(folder.source()), "job")
    assert headings(document) == ["Learning curves", *expected, "Feature importance", "Hyperparameters"]
    check(document)


@pytest.mark.parametrize("objective", TASKS)
def test_the_task_when_the_objective_was_not_saved(objective: str) -> None:
    labels, predictions, _ = TASKS[objective]
    told, guessed = (
        read_training(TensorReader(training(labels, predictions, objective=each).source())).task
        for each in (objective, None)
    )
    assert guessed is told


def test_ranking_shows_no_classes() -> None:
    labels, predictions, _ = TASKS["binary:logistic"]
    folder = training(labels, predictions, objective="rank:ndcg")
    assert headings(create_report(TensorReader(folder.source()), "job")) == [
        "Learning curves", "Feature importance", "Hyperparameters",
    ]  # fmt: skip


def test_what_is_shown() -> None:
    found = report(training([0, 0, 1, 1], [0.1, 0.9, 0.8, 0.7], objective="binary:logistic"))
    alts = [attributes["aria-label"] for tag, attributes in found.tags if tag == "svg"]
    assert alts == [
        "error by boosting round: train 0.5 to 0.25, validation 0.6 to 0.55",
        "Confusion matrix of 2 classes: 3 of 4 rows are predicted right",
        "ROC curves. class 1: area 0.500",
        "Importance of features by gain, the highest first: <age> 0.75, height 0.25",
    ]
    assert "3 of 4 rows (75.00 %) are predicted right." in found.text
    assert "job <1>" in found.text
    assert "50.0 %" in found.text  # a cell of the matrix: one of the two rows of class 0


def test_the_best_round_depends_on_the_metric() -> None:
    labels, predictions, _ = TASKS["binary:logistic"]

    def best(metric: str) -> str:
        document = create_report(TensorReader(training(labels, predictions, metric).source()), "job")
        row = document.partition("<td>validation</td>")[2].partition("</tr>")[0]
        return row.rpartition("</td>")[0].rpartition(">")[2]

    assert best("error") == "20"  # the last was worse
    assert best("auc") == "0"


def test_every_colour_is_the_pages() -> None:
    labels, predictions, _ = TASKS["multi:softprob"]
    document = create_report(TensorReader(training(labels, predictions).source()), "job")
    pictures = "".join(part.partition("</svg>")[0] for part in document.split("<svg ")[1:])
    assert "var(--series-1)" in pictures
    assert "#0" not in pictures.replace('"#', "")  # a reference starts with a quote, a colour does not
    assert "#ffffff" not in pictures


def test_ids_of_two_pictures_differ() -> None:
    document = create_report(TensorReader(training(*TASKS["binary:logistic"][:2]).source()), "job")
    identities = [attributes["id"] for _, attributes in check(document).tags if "id" in attributes]
    assert len(identities) == len(set(identities)) > 50
    references = re.findall(r'(?:url\(#|href="#)([^")]+)', document)
    assert references
    assert set(references) <= set(identities)


def test_workers_rows_are_joined() -> None:
    folder = TensorFolder(workers=2)
    for worker, labels in enumerate(([0, 1], [1, 1, 0])):
        folder.save(0, {"labels": np.array(labels), "predictions": np.array(labels) * 0.9}, worker=worker)
    outcome = read_training(TensorReader(folder.source())).outcome
    assert outcome is not None
    assert outcome.labels.tolist() == [0, 1, 1, 1, 0]


def test_values_that_are_not_finite_are_left_out() -> None:
    found = report(training([0, 1, 1, 0], [0.1, np.nan, 0.8, 0.2], objective="binary:logistic"))
    assert "3 of 3 rows" in found.text


def test_a_training_that_saved_only_metrics() -> None:
    folder = TensorFolder()
    folder.save(0, {"train-rmse": 1.0})
    found = report(folder)
    assert "saved no predictions" in found.text
    assert read_training(TensorReader(folder.source())).task is Task.OTHER


def test_nothing_at_all() -> None:
    assert "0 saved rounds" in report(TensorFolder()).text

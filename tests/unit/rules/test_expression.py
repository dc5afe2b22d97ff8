"""Rules written as CEL expressions."""

from __future__ import annotations

import numpy as np
import pytest

from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from tests.tensor_folder import TensorFolder
from tests.unit.rules.judging import find


def folder() -> TensorFolder:
    made = TensorFolder({"metrics": ["-"]})
    for step, (train, validation) in enumerate([(1.0, 1.0), (0.5, 0.9), (0.4, np.nan), (0.3, 1.2), (0.2, 1.3)]):
        tensors = {"train-loss": train, "validation-loss": validation, "w": np.array([0.0, 0, 0, step])}
        made.save(10 * step, tensors if step != 1 else {"validation-loss": validation})
    return made


@pytest.mark.parametrize(
    ("expression", "parameters", "step"),
    [
        ("value > 1.1", {}, 30),
        ("value > 1.1", {"patience": 2}, 40),
        ("value > previous", {"patience": 2}, None),
        ("value > previous", {}, 40),  # at 30 the value before is NaN, which compares with nothing
        ("value < 0.35 * first", {}, 30),
        ("scalars['validation-loss'] > 2.0 * scalars['train-loss']", {}, 30),
        ("scalars['validation-loss'] > 2.0 * scalars['train-loss'] && step > 30", {}, 40),
        ("non_finite > 0.0", {}, 20),
        ("abs_max >= 3.0 && zeros >= 0.75", {"tensor_regex": "^w$"}, 30),
        ("name.startsWith('train') && value < 0.25 && mode == 'GLOBAL'", {}, 40),
        ("size > 4.0", {"tensor_regex": "."}, None),
    ],
)
def test_expressions(expression: str, parameters: dict[str, object], step: int | None) -> None:
    found = find(folder(), "Expression", expression=expression, **parameters)
    assert (found.step if found else None) == step


def test_the_sentence_says_what_was_seen() -> None:
    found = find(folder(), "Expression", expression="value > 1.1", message="validation went astray")
    assert found is not None
    assert (found.tensor, found.sentence) == (
        "validation-loss",
        "validation went astray (value = 1.2 of validation-loss)",
    )


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("value >", "Syntax error"),
        ("valeu > 1.0", "there is no variable valeu: allowed are step, mode"),
        ("value + 1.0", "neither true nor false"),
        ("2 * value > 1.0", "No such overload"),
        ("open('x')", "calls open"),
        (None, "expression is required"),
    ],
)
def test_mistakes_are_told_before_a_job_runs(expression: str | None, message: str) -> None:
    with pytest.raises(RuleConfigurationError, match=message):
        Evaluation.create([RuleConfiguration("a", "Expression", {"expression": expression})])

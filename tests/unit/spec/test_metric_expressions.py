"""Expressions of metrics are tried on numbers: what is lost of them is said with the example."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gridwatch.spec.metric_expressions import BETTER, NOT_FINITE, SAMPLES, line_of, losses, value_group
from gridwatch.spec.shortest_text import shortest_text
from gridwatch_rules.patterns import compile_pattern
from tests.unit.spec.specs import parsed

ALL = (*SAMPLES, *NOT_FINITE)
FLOAT = r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?"


def lost(expression: str) -> dict[str, str | None]:
    """Number -> what is read of it."""
    assert compile_pattern(expression).groups
    return {loss.number: loss.read for loss in losses(expression)}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (r"F1=(.*?)", dict.fromkeys(ALL, "")),
        (r"neg=([0-9\.]+)", {"-3.5": None, "1.5e-06": "1.5", "1e5": "1", "nan": None, "inf": None}),
        (
            r"'loss': ([0-9]+(.|e\-)[0-9]+),?",
            {"12": None, "-3.5": None, "1.5e-06": "1.5", "nan": None, "inf": None},
        ),
        (r"eval_f1.*=\D*(.*?)$", {"-3.5": "3.5", "nan": "", "inf": ""}),
        (r"loss: (\d+\.\d+)", {"12": None, "-3.5": None, "1.5e-06": "1.5", "1e5": None, "nan": None, "inf": None}),
        (r"loss: (-?\d+)", {"0.5": "0", "-3.5": "-3", "1.5e-06": "1", "1e5": "1", "nan": None, "inf": None}),
        (r"loss=([-+]?[0-9]*\.?[0-9]+);", {"1.5e-06": None, "1e5": None, "nan": None, "inf": None}),
        (r"(?<=loss=)(\d*\.?\d*)", {"-3.5": "", "1.5e-06": "1.5", "1e5": "1", "nan": "", "inf": ""}),
        (r"loss: (\d\.\d{4}e[+-]\d\d)", {"-3.5000e+00": None}),
        (r"loss: ([0-9.]+e-[0-9]+)", {"1.200000e+01": None, "-3.500000e+00": None, "1.000000e+05": None}),
        (r"\bloss=([0-9.]+)\b", {"-3.5": None, "1.5e-06": "1.", "1e5": None, "nan": None, "inf": None}),
    ],
)
def test_what_is_cut_missed_or_read_wrongly_is_found(expression: str, expected: dict[str, str | None]) -> None:
    assert lost(expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        r"loss: (-?\d\.\d{4}e[+-]\d\d)",
        r"loss: (-?[0-9.]+e[+-][0-9]+)",
        rf"loss: ({FLOAT})",
        r"loss: ([0-9.eE+-]+)",
        r"validation-auc:([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)",
        rf"\[[0-9]+\].*(?:\t|#011)validation\-error:({FLOAT})",
        r"loss=(\S+)",
        r"loss=(.*)",
        r"Train Loss: (.*?);",
        r"Train Loss: (.*?)$",
        r"Validation_accuracy=(.*?);",
        r"#quality_metric: host=\S+, train msd <loss>=(\S+)",
        r"(?i)epoch \d+/\d+ - loss[:=]\s*(-?[\d.]+(?:e[-+]?\d+)?)",
        rf"(?:train|val)_loss\s*=\s*({FLOAT})",
        r"loss:?\s*([^,]+)",
        r"'eval_loss': ([-+0-9.eEnaif]+)",
        r"\{\"loss\": ([^,}]+)[,}]",
        r"(?P<value>[-+0-9.e]+) is the loss",
        # Of AWS's notebooks and documentation.
        r".*\[[0-9]+\].*#011validation-rmse:([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?).*",
        r"G Loss: (.*?),",
        r"#quality_metric: host=\S+, epoch=\S+, validation mIOU <score>=\((\S+)\)",
        r"#progress_metric: host=\S+, completed (\S+) %",
        r"^Training>.*Total reward=(.*?),",
        r"episode_reward_mean: ([-+]?[0-9]*[.]?[0-9]+([eE][-+]?[0-9]+)?)",
        r"eval_accuracy\s*=\s*(.+)$",
    ],
)
def test_good_expressions_lose_no_finite_number(expression: str) -> None:
    assert set(lost(expression)) <= set(NOT_FINITE)


def test_what_is_advised_loses_nothing() -> None:
    assert lost(f"loss={BETTER}") == {}


def test_an_expression_for_a_fixed_number_of_decimals_is_tried_on_such_numbers() -> None:
    assert lost(r"loss=(-?[0-9]{1,3}\.[0-9]{4})") == {}
    assert lost(r"loss=([0-9]{1,3}\.[0-9]{4})") == {"-3.5000": None}


def test_the_first_group_is_the_value() -> None:
    assert value_group(r"(train|val)_loss=(\S+)") == 2
    assert value_group(r"(?:train|val)_loss=(\S+)") is None
    assert value_group(r"F1=(.*?)") is None


@pytest.mark.parametrize(
    "expression",
    [
        r"(a)(?(1)b|c)=([0-9]+)",
        r"[^\x00-\U0010ffff]=(\d)",
        r"(?=loss)acc=([0-9.]+)",
        r"a{100000}(\d)",
    ],
)
def test_of_what_no_line_can_be_made_nothing_is_said(expression: str) -> None:
    assert losses(expression) == ()


@pytest.mark.parametrize("expression", [r"a|b(c)", r"[^a]x\w\s\d(q+)", r"(?:ab){2,}(z)?", r"(?>x+)(y)", r"^a.b(.)$"])
def test_the_shortest_text_is_found(expression: str) -> None:
    pattern = re.compile(expression)
    text = shortest_text(pattern, 1, None)
    assert text is not None
    found = pattern.search(text)
    assert found is not None
    assert found[0] == text


def test_a_text_is_never_long() -> None:
    text = shortest_text(re.compile("(?:(?:(?:a{900}){900}){900}){900}(b)"), 1, "0.5")
    assert text is not None
    assert len(text) <= 10_000


def test_lines() -> None:
    assert line_of(r"val_loss: ([0-9.]+)") == "val_loss: 0.5"
    assert line_of(r"epoch (\d+)") is None


def script(metrics: dict[str, str], *rules: dict[str, Any]) -> dict[str, Any]:
    name = next(iter(metrics))
    algorithm = {"framework": "pytorch", "version": "2.10", "source": "src", "entry_point": "t.py", "metrics": metrics}
    objective = {"metric": name, "direction": "minimize"}
    return {"name": "expressions", "objective": objective, "algorithm": algorithm, "rules": list(rules)}


def told(document: dict[str, Any]) -> dict[str, str]:
    warnings = [warning for warning in parsed(document).warnings if warning.path[:2] == ("algorithm", "metrics")]
    return {warning.field.rpartition(".")[2]: warning.message for warning in warnings}


def test_the_plan_says_what_is_lost_with_the_example() -> None:
    document = script({"loss": r"loss=([0-9.]+)", "f1": r"F1=(.*?)", "kind": r"(a|b)=([0-9.e+-]+)"})
    found = told(document)
    assert found["loss"].startswith('some values would be lost: it reads 1.5 from "loss=1.5e-06"')
    assert found["loss"].endswith("and misses nan and inf")
    assert found["f1"].startswith('no value is ever read: it takes nothing for the value in "F1=12"')
    assert "the number is in group 2" in found["kind"]
    good = rf"loss=({FLOAT})"
    assert told(script({"loss": good})) == {}


def test_what_a_metric_cannot_be_is_not_missed() -> None:
    """An accuracy is never negative, and an epoch is no fraction."""
    metrics = {"loss": r"loss=(\S+)", "accuracy": r"acc=([0-9.e-]+)", "epoch": r"epoch (\d+)"}
    assert told(script(metrics | {"correct": r"hits: (\d+)/"})) == {}
    fractions = {"loss": r"loss=(\S+)", "epoch": r"'epoch': (\d+\.\d+)", "learning_rate": r"lr=([0-9.e+-]+)"}
    assert told(script(fractions)) == {}
    assert set(told(script({"loss": r"loss=(\S+)", "reward": r"reward=([0-9.e]+)"}))) == {"reward"}


def test_a_nan_that_nobody_sees_is_told_where_a_rule_looks_for_it() -> None:
    metrics = {"loss": rf"loss=({FLOAT})"}
    assert "a rule looks for what is not finite" in told(script(metrics, {"rule": "MetricNonFinite"}))["loss"]
    assert told(script({"loss": r"loss=(\S+)"}, {"rule": "MetricNonFinite"})) == {}


def test_lines_of_other_metrics_are_told() -> None:
    found = told(script({"loss": rf"loss: ({FLOAT})", "val_loss": rf"val_loss: ({FLOAT})"}))
    assert list(found) == ["loss"]
    assert 'also finds a value in "val_loss: 0.5", which is a line of val_loss' in found["loss"]
    assert told(script({"loss": rf"\bloss: ({FLOAT})", "val_loss": rf"val_loss: ({FLOAT})"})) == {}
    assert told(script({"loss": rf"'loss': ({FLOAT})", "eval_loss": rf"'eval_loss': ({FLOAT})"})) == {}


@pytest.mark.parametrize(
    ("expression", "group"),
    [
        (r"epoch (\d+) loss ([0-9.]+)", 2),
        (r"step (\d+)/(\d+) loss ([0-9.e-]+)", 3),
        (r"(train|val) loss: ([0-9.]+)", 2),
        (r"loss: (\d+(\.\d+)?)", None),
        (r"loss: ([+-]?([0-9]*[.])?[0-9]+)", None),
        (r"loss: ([0-9.]+) \| acc: ([0-9.]+)", None),
    ],
)
def test_a_group_before_the_value_is_found_whatever_it_holds(expression: str, group: int | None) -> None:
    """An epoch is a number too; a part of the first group is no group for itself."""
    assert value_group(expression) == group


def test_an_epoch_in_the_first_group_is_told() -> None:
    document = {
        "name": "m", "objective": {"metric": "loss", "direction": "minimize"},
        "algorithm": {"framework": "sklearn", "version": "1.4-2", "source": "src", "entry_point": "train.py",
                      "metrics": {"loss": r"epoch (\d+) loss ([0-9.eE+-]+)"}},
        "hyperparameters": {"a": 1},
    }  # fmt: skip
    told = [warning.message for warning in parsed(document).warnings if "metrics" in warning.field]
    assert told == [
        "SageMaker takes the first group for the value, which here takes fewer forms of numbers than group 2"
    ]

"""Small files that ask for much work: refused before it is done, or done quickly."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from gridwatch.spec.parse import parse_spec
from gridwatch.spec.problems import SpecError
from tests.unit.spec.specs import TODAY, blobs

STATIC = {"objective": "binary:logistic", "eval_metric": "error", "num_round": 5}
SCRIPT = {"framework": "pytorch", "version": "2.10", "source": "code", "entry_point": "train.py"}
LOSS = {"metric": "loss", "direction": "minimize"}
SLOW = {f"m{number}": f"(a+)+{number}$(x)" for number in range(39)}


def spec(**fields: Any) -> bytes:
    document = {name: value for name, value in blobs().items() if name != "grid"}
    return json.dumps({**document, "limits": {"trials": 10_000}, "hyperparameters": STATIC, **fields}).encode()


def search(*constraints: str) -> dict[str, Any]:
    gamma = {"samples": 10_000, "seed": 1, "parameters": {"gamma": {"uniform": [0, 1]}}}
    return {"grid": {"max_depth": list(range(1, 11))}, "search": {"random": gamma, "constraints": list(constraints)}}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (spec(**search(*["gamma < 0.5"] * 20)), "would be asked too often; found 2,000,000 (points times expressions)"),
        (spec(algorithm={**SCRIPT, "metrics": {"loss": "l=([0-9.]+)", **SLOW}}, objective=LOSS), "m0: takes too long"),
        (spec(collect={name: {"include_regex": regex} for name, regex in list(SLOW.items())[:20]}), "takes too long"),
        (
            spec(rules=[{"rule": "AllZero", "parameters": {"tensor_regex": ",".join(f"a{n}" for n in range(999))}}]),
            "are 999 patterns: allowed are 100",
        ),
        (
            spec(
                algorithm={**SCRIPT, "metrics": {"loss": "l=([0-9.]+)"}}, objective=LOSS,
                hyperparameters={f"p{n}": "v" * 2_400 for n in range(80)},
                grid={"a": list(range(100)), "b": list(range(100))},
            ),
            "the hyperparameters of all trials together are too large; found 10,000 trials of 192,870 characters",
        ),
    ],
    ids=["constraints", "metrics", "collections", "rule", "hyperparameters"],
)  # fmt: skip
def test_work_without_measure_is_refused_before_it_is_done(content: bytes, told: str) -> None:
    began = time.process_time()
    with pytest.raises(SpecError) as refused:
        parse_spec(content, today=TODAY)
    assert told in refused.value.as_text("x.yaml")
    assert time.process_time() - began < 1


def test_a_slow_pattern_of_a_rule_with_a_direction_is_not_tried() -> None:
    name = "a" * 200
    rule = {"rule": "MetricPlateau", "parameters": {"tensor_regex": "(a+)+b$", "direction": "max"}}
    algorithm = {**SCRIPT, "metrics": {name: rf"{name}=([0-9.]+)"}}
    began = time.process_time()
    with pytest.raises(SpecError, match="problem"):
        parse_spec(
            spec(algorithm=algorithm, objective={"metric": name, "direction": "maximize"}, rules=[rule]), today=TODAY
        )
    assert time.process_time() - began < 2


def test_thousands_of_points_written_out_are_compared_quickly() -> None:
    began = time.process_time()
    parse_spec(spec(search={"list": [{"gamma": number} for number in range(6_600)]}), today=TODAY)
    with pytest.raises(SpecError, match="1 problem") as refused:
        parse_spec(spec(search={"list": [{"gamma": 1}, {"gamma": 2}, {"gamma": 1}]}), today=TODAY)
    assert "is the point 0 once more" in refused.value.as_text("x.yaml")
    assert time.process_time() - began < 2

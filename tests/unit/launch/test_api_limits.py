"""Limits of SageMaker's API are those of botocore's model, applied to the request as it is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import botocore.session
import pytest

from gridwatch.launch.api_limits import TRAINING, TUNING, violations
from gridwatch.launch.plan import make_plan, waiting_trial
from gridwatch.launch.request import training_request
from gridwatch.launch.template import Inputs
from gridwatch.spec.problems import SpecError
from scripts.api_limits import TARGET, text
from tests.unit.functions.world import DEPLOYMENT as USUAL
from tests.unit.spec.specs import TODAY, parsed

MODEL = botocore.session.get_session().get_service_model("sagemaker")
DEPLOYMENT = replace(USUAL, allowed_in_specs=("*",))
METRICS = {"loss": r"loss=(\S+)"}


def test_the_table_is_that_of_the_model() -> None:
    assert TARGET.read_text() == text(), "run: python -m scripts.api_limits"


def beyond(shape: Any, value: Any, path: str) -> Iterator[str]:
    """The model's own word for it, walked anew: what of a value its shape would not take."""
    meta = shape.metadata
    size = value if isinstance(value, (int, float)) else len(value)
    if not isinstance(value, bool) and not meta.get("min", size) <= size <= meta.get("max", size):
        yield f"{path}: {size} of {meta.get('min')} to {meta.get('max')}"
    if isinstance(value, str) and "enum" in meta and value not in meta["enum"]:
        yield f"{path}: {value}"
    pattern = meta.get("pattern", "").replace(r"\p{L}", r"\w").replace(r"\p{N}", "").replace(r"\p{Z}", r"\s")
    if isinstance(value, str) and pattern and r"\p" not in pattern and not re.fullmatch(pattern, value):
        yield f"{path}: {value[:60]!r} is not {pattern}"
    if shape.type_name == "structure":
        for name, each in value.items():
            yield from beyond(shape.members[name], each, f"{path}.{name}")
    elif shape.type_name == "map":
        for name, each in value.items():
            yield from beyond(shape.key, name, f"{path} key")
            yield from beyond(shape.value, each, f"{path}.{name[:20]}")
    elif shape.type_name == "list":
        for index, each in enumerate(value):
            yield from beyond(shape.member, each, f"{path}[{index}]")


def sent(document: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The operation and the request of the spec's plan. Raises SpecError."""
    read = parsed(json.dumps(document), TODAY)
    inputs = Inputs(
        etags={name: {} for name in read.spec.data}, source_uri="s3://code/x.tar.gz", source_digest="0" * 64
    )
    plan = make_plan(read, DEPLOYMENT, inputs)
    if plan.tuning is not None:
        return TUNING, plan.tuning
    record = waiting_trial(plan.trials[0], plan.spec, read_at())
    request = training_request(
        plan.template, record, name_prefix=DEPLOYMENT.name_prefix, artifacts_bucket=DEPLOYMENT.artifacts_bucket
    )
    return TRAINING, request


def read_at() -> Any:
    from datetime import UTC, datetime

    return datetime(2026, 11, 29, tzinfo=UTC)


def script(**changes: Any) -> dict[str, Any]:
    algorithm = {"framework": "sklearn", "version": "1.9-0", "source": "src", "entry_point": "t.py", "metrics": METRICS}
    document: dict[str, Any] = {
        "name": "large",
        "objective": {"metric": "loss", "direction": "minimize"},
        "algorithm": {**algorithm, **changes.pop("algorithm", {})},
        "hyperparameters": {"a": 1},
    }
    return {**document, **changes}


def image(**changes: Any) -> dict[str, Any]:
    document = script(**changes)
    address = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/own:1"
    own = {name: value for name, value in document["algorithm"].items() if name in ("metrics", "command", "arguments")}
    return {**document, "algorithm": {"image": address, **own}}


def tuned(**parameters: Any) -> dict[str, Any]:
    return script(tune={"parameters": parameters, "jobs": 4})


def channels(count: int, **fields: Any) -> dict[str, Any]:
    return {f"c{number}": {"uri": f"s3://data/{number}", **fields} for number in range(count)}


CHANNEL = {"uri": "s3://data/x"}
# At the largest that a spec may say, and one beyond it.
SIZES: dict[str, tuple[Any, ...]] = {
    "a hyperparameter's value": tuple(script(hyperparameters={"a": "x" * n}) for n in (2_498, 2_499, 2_500, 2_501)),
    "of other letters": tuple(script(hyperparameters={"a": "ä" * n}) for n in (416, 417, 2_400)),
    "of quotes": tuple(script(hyperparameters={"a": '"' * n}) for n in (1_249, 1_250)),
    "to an image": tuple(image(hyperparameters={"a": "x" * n}) for n in (2_498, 2_501)),
    "a hyperparameter's name": tuple(script(hyperparameters={"x" * n: 1}) for n in (256, 257)),
    "many hyperparameters": tuple(script(hyperparameters={f"p{n}": n for n in range(count)}) for count in (95, 96)),
    "a point's value": (script(grid={"b": ["x" * 2_498, "y"]}), script(grid={"b": ["y", "ü" * 500]})),
    "a metric's name": tuple(
        script(algorithm={"metrics": {**METRICS, "m" * n: r"x=(\S+)"}}) for n in (255, 256)
    ),
    "a metric's expression": tuple(
        script(algorithm={"metrics": {"loss": f"{'l' * n}" + r"=(\S+)"}}) for n in (494, 495)
    ),
    "an expression of two lines": (script(algorithm={"metrics": {"loss": "loss=\n(\\S+)"}}),),
    "many metrics": tuple(
        script(algorithm={"metrics": {**METRICS, **{f"m{n}": rf"m{n}=(\S+)" for n in range(count)}}})
        for count in (39, 40)
    ),
    "a variable": tuple(script(algorithm={"environment": {"A": "x" * n}}) for n in (512, 513)),
    "a variable's name": tuple(script(algorithm={"environment": {"A" * n: "x"}}) for n in (512, 513)),
    "many variables": tuple(
        script(algorithm={"environment": {f"A{n}": "x" for n in range(count)}}) for count in (80, 81)
    ),
    "an argument": tuple(image(algorithm={"arguments": ["x" * n]}) for n in (256, 257)),
    "an argument of two lines": (image(algorithm={"arguments": ["a\nb"]}),),
    "many arguments": tuple(image(algorithm={"arguments": ["x"] * n}) for n in (100, 101)),
    "a command": tuple(image(algorithm={"command": ["x"] * n}) for n in (10, 11)),
    "a tag": tuple(script(tags={"t": "x" * n}) for n in (256, 257)),
    "a tag's key": tuple(script(tags={"t" * n: "x"}) for n in (128, 129)),
    "a tag with other signs": (script(tags={"t": "a&b"}), script(tags={"t": "Größe 1"}), script(owner="a;b")),
    "many tags": tuple(script(tags={f"t{n}": "x" for n in range(count)}) for count in (40, 41)),
    "an address": tuple(script(data={"train": {"uri": f"s3://data/{'x' * n}"}}) for n in (1_000, 1_014, 1_015)),
    "a place": tuple(script(data={"train": {"uri": "x" * n}}) for n in (900, 1_000, 1_020)),
    "a content type": tuple(script(data={"t": {**CHANNEL, "content_type": f"a/{'x' * n}"}}) for n in (254, 255)),
    "a channel's name": tuple(script(data={"c" * n: CHANNEL}) for n in (64, 65)),
    "many channels": tuple(script(data=channels(count)) for count in (19, 20, 21)),
    "a checkpoint's path": tuple(script(checkpoints={"path": "/" + "x" * n}) for n in (4_095, 4_096)),
    "a category": tuple(tuned(b={"categorical": ["x" * n, "y"]}) for n in (254, 255, 257)),
    "a category of other letters": tuple(tuned(b={"categorical": ["ä" * n, "y"]}) for n in (42, 43)),
    "many categories": tuple(tuned(b={"categorical": list(range(count))}) for count in (30, 31)),
    "a range's name": tuple(tuned(**{"b" * n: {"integer": [1, 2]}}) for n in (256, 257)),
    "an example": tuple(
        script(tune={"parameters": {"b": {"auto": "x" * n}}, "autotune": True, "jobs": 4}) for n in (254, 255)
    ),
    "a static value of a tuning job": tuple(
        {**tuned(b={"integer": [1, 2]}), "hyperparameters": {"a": "x" * n}} for n in (2_498, 2_499)
    ),
    "a collection's pattern": tuple(
        script(collect={"c": {"include_regex": "x" * n}}, engine="debugger") for n in (200, 256, 257, 400)
    ),
    "many collections": tuple(
        script(collect={f"c{n}": {"include_regex": "x"} for n in range(count)}) for count in (20, 21)
    ),
    "the experiment's name": tuple(script(name="x" * n) for n in (64, 65)),
    "a long runtime": (script(resources={"max_runtime": 28 * 86_400}), script(resources={"max_runtime": "29d"})),
    "waiting": tuple(script(resources={"max_pending": n}) for n in (1_799, 7_200, 28 * 86_400)),
    "retries": tuple(script(resources={"retries": n}) for n in (0, 1, 30, 31)),
    "warm machines": tuple(script(resources={"keep_alive": n}) for n in (3_600, 21_601)),
}  # fmt: skip


@pytest.mark.parametrize("what", SIZES)
def test_what_the_plan_accepts_the_api_takes(what: str) -> None:
    accepted = 0
    for document in SIZES[what]:
        try:
            operation, request = sent(document)
        except SpecError:
            continue
        accepted += 1
        shape = MODEL.operation_model(operation).input_shape
        assert list(beyond(shape, request, operation)) == []
        assert list(violations(operation, request)) == []
    assert accepted or "two lines" in what, "nothing of it was accepted"


@pytest.mark.parametrize(
    ("document", "field", "found"),
    [
        (tuned(b={"categorical": ["x" * 257, "y"]}), "tune.parameters.b.categorical[0]", "259 characters"),
        (tuned(b={"categorical": ["y", "ä" * 43]}), "tune.parameters.b.categorical[1]", "260 characters"),
        (script(algorithm={"metrics": {"loss": "loss=\n(\\S+)"}}), "algorithm.metrics.loss", None),
        (image(algorithm={"arguments": ["a\nb"]}), "algorithm.arguments", None),
        (script(data={"train": {"uri": "x" * 1_020}}), "data.train", "1,0"),
    ],
)
def test_what_the_api_would_refuse_is_told_of_the_field_that_says_it(
    document: dict[str, Any], field: str, found: str | None
) -> None:
    with pytest.raises(SpecError) as refused:
        sent(document)
    problem = refused.value.problems[0]
    assert problem.field == field
    assert found is None or found in (problem.found or "")


def test_several_algorithms_of_a_tuning_job_are_told_apart() -> None:
    algorithms = {
        "one": {"parameters": {"b": {"integer": [1, 2]}}},
        "two": {"parameters": {"c": {"categorical": ["y", "x" * 300]}}},
    }
    with pytest.raises(SpecError) as refused:
        sent(script(tune={"algorithms": algorithms, "strategy": "random", "jobs": 4}))
    assert [each.field for each in refused.value.problems] == ["tune.algorithms.two.parameters.c.categorical[1]"]

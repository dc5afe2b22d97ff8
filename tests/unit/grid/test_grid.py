"""Points, their order, their identity and their names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridwatch.grid.identity import TrialInputs, data_digest, trial_id
from gridwatch.grid.names import experiment_entity, job_name, trial_entity
from gridwatch.grid.points import count, points

GRID = {"b": [1, 2], "a": ["x"], "c": [0.1, 0.2, 0.3]}
INPUTS = {
    "experiment": "blobs",
    "image": "image:3.2-0",
    "code_digest": "abc",
    "hyperparameters": {"eta": 0.1, "max_depth": 2},
    "channels": {"train": {"uri": "s3://b/k", "data": "d1"}},
}


def test_keys_stay_in_their_order_and_the_last_varies_fastest() -> None:
    assert [tuple(point.items()) for point in points(GRID)] == [
        (("b", 1), ("a", "x"), ("c", 0.1)),
        (("b", 1), ("a", "x"), ("c", 0.2)),
        (("b", 1), ("a", "x"), ("c", 0.3)),
        (("b", 2), ("a", "x"), ("c", 0.1)),
        (("b", 2), ("a", "x"), ("c", 0.2)),
        (("b", 2), ("a", "x"), ("c", 0.3)),
    ]


def test_without_a_grid_there_is_one_point() -> None:
    assert count({}) == 1
    assert list(points({})) == [{}]


@given(st.dictionaries(st.text(max_size=3), st.lists(st.integers(), min_size=1, max_size=4, unique=True), max_size=4))
def test_the_count_is_the_number_of_points_and_no_point_comes_twice(grid: dict[str, list[int]]) -> None:
    made = [tuple(point.items()) for point in points(grid)]
    assert len(made) == count(grid) == len(set(made))


def identity(**changes: object) -> str:
    return trial_id(TrialInputs(**{**INPUTS, **changes}))  # type: ignore[arg-type]


def test_the_identity_is_ten_hex_digits_that_never_change() -> None:
    # Of the canonical JSON by sha256sum. A changed value here would launch every experiment of every deployment again.
    assert identity() == "97e8e328d1"


@pytest.mark.parametrize(
    "change",
    [
        {"experiment": "blobs2"},
        {"image": "image:3.3-0"},
        {"code_digest": "abd"},
        {"hyperparameters": {"eta": 0.1, "max_depth": 3}},
        {"hyperparameters": {"eta": 0.1, "max_depth": "2"}},
        {"hyperparameters": {"eta": 0.1, "max_depth": 2.0}},
        {"channels": {"train": {"uri": "s3://b/k", "data": "d2"}}},
        {"channels": {"train": {"uri": "s3://b/l", "data": "d1"}}},
        {"repeat": 1},
        {"revision": 1},
    ],
)
def test_whatever_is_trained_differently_is_another_trial(change: dict[str, object]) -> None:
    assert identity(**change) != identity()


def test_the_order_of_hyperparameters_is_no_difference() -> None:
    assert identity(hyperparameters={"max_depth": 2, "eta": 0.1}) == identity()


def test_the_data_digest_knows_every_key_and_etag_but_no_order() -> None:
    assert data_digest({"a": "1", "b": "2"}) == data_digest({"b": "2", "a": "1"})
    assert len({data_digest(found) for found in ({}, {"a": "1"}, {"a": "2"}, {"b": "1"}, {"a": "1", "b": "1"})}) == 5


@given(
    st.from_regex(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,63}", fullmatch=True),
    st.from_regex(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?", fullmatch=True),
    st.integers(1, 999),
)
def test_every_name_is_one_that_sagemaker_takes(experiment: str, prefix: str, attempt: int) -> None:
    experiment, prefix = experiment[:64].rstrip("-"), re.sub("-+", "-", prefix)
    name = job_name(prefix, experiment, "0123456789", attempt)
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name)
    assert len(name) <= 63
    assert name.startswith(f"{prefix}-")
    assert name.endswith(f"-0123456789-{attempt}")
    for entity in (experiment_entity(prefix, experiment), trial_entity(prefix, experiment, "0123456789")):
        assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}", entity)


def test_a_name_is_cut_where_the_experiment_is_too_long() -> None:
    assert job_name("gridwatch", "blobs", "0a1b2c3d4e", 1) == "gridwatch-blobs-0a1b2c3d4e-1"
    name = job_name("gridwatch", "a" * 39 + "-b", "0a1b2c3d4e", 1)
    assert name == f"gridwatch-{'a' * 39}-0a1b2c3d4e-1"


def test_a_prefix_without_room_is_a_fault_of_the_deployment() -> None:
    with pytest.raises(ValueError, match="leaves no room"):
        job_name("p" * 60, "blobs", "0a1b2c3d4e", 1)

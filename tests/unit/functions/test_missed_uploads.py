"""Stories of uploads whose event was lost, or whose every invocation died: they are found and accepted after all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gridwatch.domain.trials import TrialState
from gridwatch.events.spec_upload import SpecUpload
from gridwatch.storage.layout import spec_status_key
from launch_grid.missed import GRACE, PATIENCE, missed_uploads
from tests.unit.functions.world import World, example


def missed(world: World) -> list[SpecUpload]:
    return list(missed_uploads(world.bucket, world.clock.now()))


def test_an_upload_without_an_answer_is_found_and_accepted() -> None:
    world = World()
    upload = world.upload(example())
    world.clock.advance(GRACE.total_seconds())
    assert missed(world) == [upload]
    world.launch(upload)
    assert world.trials(TrialState.WAITING)
    assert missed(world) == []


def test_an_upload_that_is_on_its_way_is_not_hurried() -> None:
    world = World()
    world.upload(example())
    world.clock.advance(GRACE.total_seconds() - 1)
    assert missed(world) == []


def test_what_was_refused_has_its_answer() -> None:
    world = World()
    world.submit("name: [")
    world.clock.advance(GRACE.total_seconds())
    assert missed(world) == []


DAMAGED: list[Any] = [{}, {"spec": None}, {"spec": 5}, {"spec": {"version": "v1"}}, {"spec": {"key": 5, "version": 1}}]


@pytest.mark.parametrize("answer", DAMAGED)
def test_an_answer_that_is_damaged_hides_no_other_upload(answer: Any) -> None:
    world = World()
    first = world.upload(example())
    world.launch(first)
    other = world.upload(example().replace("name: ", "name: other-", 1), key="experiments/other.yaml")
    world.clock.advance(GRACE.total_seconds())
    world.bucket.answers[spec_status_key(first.key)] = answer
    assert other in missed(world)


@pytest.mark.parametrize("answer", [*DAMAGED, {"spec": {"key": "k", "version": "v"}, "supersedes": 5}])
def test_an_answer_that_is_damaged_is_written_anew(answer: Any) -> None:
    world = World()
    upload = world.upload(example())
    world.bucket.answers[spec_status_key(upload.key)] = answer
    world.launch(upload)
    assert world.bucket.answers[spec_status_key(upload.key)]["outcome"] == "accepted"


def test_the_answer_to_a_former_version_is_no_answer() -> None:
    world = World()
    world.submit(example())
    again = world.upload(example().replace("validation-error", "validation-logloss", 1))
    world.clock.advance(GRACE.total_seconds())
    assert missed(world) == [again]


def test_what_is_no_spec_and_what_is_old_is_left_alone() -> None:
    world = World()
    world.upload("a note", key="experiments/readme.txt")
    world.upload(example())
    world.clock.advance((PATIENCE + timedelta(seconds=1)).total_seconds())
    assert missed(world) == []

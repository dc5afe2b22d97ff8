"""Two people upload one experiment at the same moment: whichever call comes last, the one that lost is told so."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gridwatch.domain.trials import TrialState
from gridwatch.events.spec_upload import SpecUpload
from gridwatch.launch.observation import REMOVED
from gridwatch.state.memory import MemoryStore
from launch_grid.answers import UploadedSpec, tell_superseded, write_answer
from launch_grid.platform import UploadOutcome
from tests.fakes.experiment_bucket import FakeExperimentBucket
from tests.unit.functions.world import World, example

ALICE, BOB = "experiments/alice.yaml", "experiments/bob.yaml"


def spec(depths: str) -> str:
    return example().replace("max_depth: [2, 8]", f"max_depth: {depths}")


def answer(world: World, upload: SpecUpload) -> Any:
    return world.bucket.answers.get(f"status/{upload.key}.json")


def ref(upload: SpecUpload) -> dict[str, str]:
    return {"key": upload.key, "version": upload.version}


@pytest.mark.parametrize("order", ["alice first", "bob first"])
@pytest.mark.parametrize("later", [0, 5])
def test_of_two_keys_with_one_experiment_the_one_that_lost_is_told(order: str, later: int) -> None:
    world = World()
    alice = world.upload(spec("[2]"), ALICE)
    world.clock.advance(later)
    bob = world.upload(spec("[3]"), BOB)
    for upload in [alice, bob] if order == "alice first" else [bob, alice]:
        world.launch(upload)

    record = world.store.get_experiment("blobs")
    assert record is not None
    winner, loser = (bob, alice) if record.spec_key == BOB else (alice, bob)
    assert winner is bob or not later, "the later upload counts"
    assert answer(world, winner)["outcome"] == "accepted"
    assert answer(world, winner).get("supersedes", [ref(loser)]) == [ref(loser)]
    told = answer(world, loser)
    assert (told["outcome"], told["spec"], told["superseded_by"]) == ("superseded", ref(loser), ref(winner))
    assert f"superseded by {winner.key}" in told["text"]


class Interleaved(MemoryStore):
    """A store in which something happens once at one of the calls of whoever uses it."""

    def __init__(self, store: MemoryStore, at: int, happens: Callable[[], object]) -> None:
        super().__init__()
        for name, value in vars(store).items():
            setattr(self, name, value)
        self._at, self._happens, self._calls = at, happens, 0

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or not callable(found):
            return found
        self._calls += 1
        if self._calls == self._at:
            self._happens()
        return found


def moments(same_key: bool) -> Iterator[tuple[int, World, SpecUpload, SpecUpload, int]]:
    """Bob's upload is accepted as a whole at each call that accepting Alice's makes of the store."""
    for at in itertools.count(1):
        world = World()
        alice = world.upload(spec("[2, 4]"), ALICE)
        bob_key = ALICE if same_key else BOB
        happened: list[SpecUpload] = []

        def bob_comes(world: World = world, happened: list[SpecUpload] = happened, key: str = bob_key) -> None:
            happened.append(world.upload(spec("[3, 4]"), key))
            world.launch(happened[0])

        world.launch(alice, store=Interleaved(world.store, at, bob_comes))
        if not happened:
            return
        yield at, world, alice, happened[0], len(happened)


def test_whenever_the_other_upload_comes_the_answers_and_the_trials_are_those_of_the_one_that_counts() -> None:
    seen = 0
    for at, world, alice, bob, _ in moments(same_key=False):
        seen = at
        record = world.store.get_experiment("blobs")
        assert record is not None
        winner, loser, depths = (bob, alice, {3, 4}) if record.spec_key == BOB else (alice, bob, {2, 4})
        assert answer(world, winner)["outcome"] == "accepted", at
        assert answer(world, loser)["outcome"] == "superseded", at
        assert answer(world, loser)["superseded_by"] == ref(winner), at
        waiting = world.trials(TrialState.WAITING)
        assert {trial.hyperparameters["max_depth"] for trial in waiting} >= depths, at
        world.start()
        launched = {trial.hyperparameters["max_depth"] for trial in world.trials(TrialState.RUNNING)}
        assert launched <= depths, at
        assert all(trial.reason == REMOVED for trial in world.trials(TrialState.CANCELLED)), at
    assert seen > 5


def test_of_two_versions_of_one_key_the_answer_names_the_one_that_was_passed_over() -> None:
    for at, world, alice, bob, _ in moments(same_key=True):
        told = answer(world, bob)
        assert (told["outcome"], told["spec"]) == ("accepted", ref(bob)), at
        assert ref(alice) in told["supersedes"], at


def test_a_version_that_comes_after_its_successor_is_named_in_the_successors_answer() -> None:
    world = World()
    first, second, third = (world.upload(spec(f"[{depth}]"), ALICE) for depth in (2, 3, 4))
    world.launch(third)
    assert world.launch(first).outcome is UploadOutcome.SUPERSEDED
    assert world.launch(second).outcome is UploadOutcome.SUPERSEDED
    assert world.launch(first).outcome is UploadOutcome.SUPERSEDED
    told = answer(world, third)
    assert (told["outcome"], told["spec"]) == ("accepted", ref(third))
    assert sorted(each["version"] for each in told["supersedes"]) == sorted([first.version, second.version])


def test_a_version_that_comes_before_its_successor_is_told_until_then() -> None:
    world = World()
    first, second = world.upload(spec("[2]"), ALICE), world.upload(spec("[3]"), ALICE)
    world.launch(first)
    assert answer(world, first)["superseded_by"] == ref(second)
    world.launch(second)
    assert (answer(world, second)["outcome"], answer(world, second)["supersedes"]) == ("accepted", [ref(first)])


def test_an_upload_that_was_overtaken_long_after_it_was_accepted_is_told_too() -> None:
    world = World()
    alice = world.upload(spec("[2]"), ALICE)
    world.launch(alice)
    world.clock.advance(86_400)
    bob = world.upload(spec("[3]"), BOB)
    world.launch(bob)
    assert answer(world, alice)["superseded_by"] == ref(bob)


def test_the_answer_to_a_newer_version_is_not_replaced_by_word_of_an_older_one() -> None:
    bucket, world = FakeExperimentBucket(), World()
    old, new = (bucket.upload(ALICE, text, world.clock.now()) for text in ("a", "b"))
    write_answer(bucket, UploadedSpec(new.key, new.version), {"outcome": "accepted", "spec": ref(new)}, None)
    tell_superseded(bucket, UploadedSpec(old.key, old.version), UploadedSpec(BOB, "v9"))
    told = bucket.answers[f"status/{ALICE}.json"]
    assert (told["outcome"], told["spec"], told["supersedes"]) == ("accepted", ref(new), [ref(old)])


def test_an_experiment_that_no_upload_made_has_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rerun's record names no spec."""
    bucket = FakeExperimentBucket()
    tell_superseded(bucket, UploadedSpec("fingerprints/a.json", "v1"), UploadedSpec(BOB, "v9"))
    assert bucket.answers == {}


def test_uploading_the_same_again_supersedes_the_former_version_and_says_so() -> None:
    world = World()
    first = world.upload(example())
    world.launch(first)
    world.clock.advance(5)
    again = world.upload(example() + "\n")
    accepted = world.launch(again)
    assert accepted.outcome is UploadOutcome.ACCEPTED
    assert answer(world, again)["supersedes"] == [ref(first)]

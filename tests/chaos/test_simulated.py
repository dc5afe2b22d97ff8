"""A sample of the simulated scenarios, by chance and with one fault; `make chaos-nightly` tells all."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.simulation.__main__ import report
from tests.simulation.blueprint import Blueprint
from tests.simulation.story import Scenario, at_random, clean, one_after_the_other, tell

SEEDS = range(8)
PARTS = 3  # in which the scenarios with one fault are told, so that they can be told at one time
OF_EACH_PART = 3


@pytest.fixture(scope="module")
def blueprint(tmp_path_factory: pytest.TempPathFactory) -> Blueprint:
    return Blueprint.create(tmp_path_factory.mktemp("cdk.out"))


@pytest.fixture
def holds(blueprint: Blueprint) -> Callable[[Scenario], None]:
    def check(scenario: Scenario) -> None:
        told = tell(scenario, blueprint)
        assert not told.broken, "\n".join(report(told))

    return check


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_by_chance(holds: Callable[[Scenario], None], seed: int) -> None:
    holds(at_random(seed))


@pytest.fixture(scope="module")
def each_alone(blueprint: Blueprint) -> Sequence[Scenario]:
    """One scenario for each call of the story in which nothing fails, and each way in which a call can."""
    told = tell(clean(), blueprint)
    assert not told.broken, "\n".join(report(told))
    return list(one_after_the_other(told.calls))


@pytest.mark.parametrize("part", range(PARTS))
def test_whichever_call_fails_alone(
    each_alone: Sequence[Scenario], holds: Callable[[Scenario], None], part: int
) -> None:
    assert len(each_alone) > 1000
    for scenario in random.Random(part).sample(each_alone, OF_EACH_PART):
        holds(scenario)


def test_the_same_seed_tells_the_same_story(blueprint: Blueprint) -> None:
    first, second = (tell(at_random(3), blueprint) for _ in range(2))
    assert first.trace == second.trace
    assert first.faults


def test_a_broken_sentence_is_seen(blueprint: Blueprint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody reacts to anything: the findings stay open, and no job is stopped."""
    from tests.simulation import cloud

    del tmp_path
    monkeypatch.setattr(cloud.Cloud, "_poll", _but_for("reactions", cloud.Cloud._poll))
    broken = "\n".join(tell(clean(), blueprint).broken)
    assert "it never came to rest" in broken
    assert "reactions to []" in broken


def _but_for(queue: str, poll: Callable[[object, str], None]) -> Callable[[object, str], None]:
    return lambda self, url: None if queue in url else poll(self, url)

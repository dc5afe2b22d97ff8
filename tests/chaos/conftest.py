"""Selects the chaos stories: one that settles quickly in `make test`, and the seeds that `make test-chaos` asks for."""

from __future__ import annotations

import os

import pytest


def seeds() -> list[int]:
    return [int(seed) for seed in os.environ.get("GRIDWATCH_CHAOS_SEEDS", "").split()]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "harsh_seed" in metafunc.fixturenames:
        metafunc.parametrize("harsh_seed", seeds() or [0])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave stories that take minutes to `make test-chaos`."""
    if seeds():
        return
    slow = [item for item in items if {"harsh_seed", "patience"}.intersection(getattr(item, "fixturenames", ()))]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


@pytest.fixture
def patience() -> None:
    """The patience of stories that wait, like the platform itself, for a minute or more."""

"""Which stories are told: one that settles quickly in `make test`, and the seeds that `make test-chaos` asks for."""

from __future__ import annotations

import os

import pytest

_REASON = "takes minutes: make test-chaos SEEDS='1 2 3'"


def seeds() -> list[int]:
    return [int(seed) for seed in os.environ.get("GRIDWATCH_CHAOS_SEEDS", "").split()]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "harsh_seed" in metafunc.fixturenames:
        parameters = seeds() or [pytest.param(0, marks=pytest.mark.skip(reason=_REASON))]
        metafunc.parametrize("harsh_seed", parameters)


@pytest.fixture
def patience() -> None:
    """For stories that wait for what the platform itself waits for, a minute or more."""
    if not seeds():
        pytest.skip(_REASON)

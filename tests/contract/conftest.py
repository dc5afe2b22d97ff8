"""One local cloud for all contract tests that need one."""

from collections.abc import Iterator

import pytest

from gridwatch.localcloud import LocalCloud
from tests.contract.localcloud_world import World, write_images


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A running cloud with tiny images; tests share it and use names of their own."""
    folder = tmp_path_factory.mktemp("localcloud")
    options = ("--stop-grace", "2", "--starting-delay", "0.05", "--debugger")
    with LocalCloud.start(images=write_images(folder), state_dir=folder / "state", options=options) as cloud:
        running = World(cloud)
        running.prepare()
        yield running

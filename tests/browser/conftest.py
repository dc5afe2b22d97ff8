"""Fixtures for pages in a real browser; the tests are skipped, saying so, where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import Page, browser, find

SCREENSHOTS = Path(__file__).resolve().parents[2] / ".gridwatch" / "screenshots"


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A browser in which each test opens a page of its own."""
    command = find()
    if command is None:
        pytest.skip("there is no Chromium here (Debian: apt-get install chromium)")
    with browser(command, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def screenshots() -> Path:
    """The folder in which pictures are left for a person to look at."""
    return SCREENSHOTS

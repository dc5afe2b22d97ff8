"""The page about tensors in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridwatch.reports.tensor_report import create_tensor_report
from gridwatch_rules.tensors.reader import TensorReader
from tests.browser.chromium import Page
from tests.unit.reports.networks import boosting, network

FOLDERS = {"network": network, "boosting": boosting}
CHOSEN = "document.getElementById('chosen').textContent"


def written(name: str, folder: Path) -> str:
    file = folder / "tensors.html"
    file.write_text(create_tensor_report(TensorReader(FOLDERS[name]().source()), name), encoding="utf-8")
    return file.as_uri()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", FOLDERS)
def test_every_chart_is_drawn(name: str, dark: bool, page: Page, tmp_path: Path, screenshots: Path) -> None:
    page.open(written(name, tmp_path), dark=dark)
    page.evaluate("gw.drawAll()")
    page.screenshot(screenshots / f"tensors-{name}-{'dark' if dark else 'light'}.png")
    assert page.errors == []
    missing = "[...document.querySelectorAll('.plot')].filter((each) => !each.querySelector('svg')).length"
    assert page.evaluate(missing) == 0


def test_layers_are_chosen_by_keyboard_collection_and_step(page: Page, tmp_path: Path) -> None:
    page.open(written("network", tmp_path))
    page.evaluate("gw.drawAll()")
    assert page.evaluate(CHOSEN).startswith("layer0.weight, 8 x 8, weights")
    page.evaluate("document.getElementById('layers').focus()")
    page.press("ArrowDown")
    assert page.evaluate(CHOSEN).startswith("gradient/layer0.weight")
    select = "document.getElementById('collection')"
    page.evaluate(f"{select}.value = 3; {select}.dispatchEvent(new Event('change'))")
    assert page.evaluate(CHOSEN).startswith("layer0.relu_output_0")
    before = page.evaluate("document.querySelector('#histogram svg').outerHTML")
    slider = "document.getElementById('step')"
    page.evaluate(f"{slider}.value = 0; {slider}.dispatchEvent(new Event('input'))")
    page.evaluate("new Promise((done) => setTimeout(done, 100))")
    assert page.evaluate("document.getElementById('at').textContent") == "0"
    assert page.evaluate("document.querySelector('#histogram svg').outerHTML") != before
    assert page.errors == []

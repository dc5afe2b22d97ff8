"""The experiment's page in a real browser: it opens, draws, follows the theme and the keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridwatch.reports.experiment.facts import ExperimentFacts
from gridwatch.reports.experiment.report import create_report
from gridwatch.reports.experiment.tables import read_tables
from gridwatch.reports.experiment.usage import BINS, CELLS, ResourceUse, TrialUsage, Usages
from gridwatch.savings.prices import PriceTable
from tests.browser.chromium import Page
from tests.experiment_tables import MadeUp

EXPERIMENTS = {
    "large": MadeUp(1000, 100),
    "tiny": MadeUp(1, 3, findings=False),
    "empty": MadeUp(0, 0),
    "half-failed": MadeUp(40, 60, failed=True),
}
DRAWN = (
    "[...document.querySelectorAll('.plot')].filter((plot) => plot.querySelector('svg, canvas')).map(({ id }) => id)"
)
PRESSED = "[...document.querySelectorAll('#leaderboard button[aria-pressed=true]')].map(({ dataset }) => dataset.trial)"


def written(name: str, folder: Path) -> str:
    tables = read_tables(EXPERIMENTS[name].write(folder).__getitem__)
    use = ResourceUse(tuple(range(BINS)), tuple(float(cell) for cell in range(CELLS)))
    usages = Usages([TrialUsage(trial["trial_id"], 60.0, {"CPU": use}) for trial in tables.trials[:20]], 20)
    facts = ExperimentFacts(
        tables=tables, prices=PriceTable.built_in(), expression="best.max_depth <= 6", usages=usages
    )
    file = folder / "report.html"
    file.write_text(create_report(facts), encoding="utf-8")
    return file.as_uri()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_chart_is_drawn_without_an_error(
    name: str, dark: bool, page: Page, tmp_path: Path, screenshots: Path
) -> None:
    address = written(name, tmp_path)
    page.open(address, dark=dark)
    page.evaluate("gw.drawAll()")
    page.screenshot(screenshots / f"{name}-{'dark' if dark else 'light'}.png")
    assert page.errors == []
    assert page.requests == [address], "nothing is loaded from anywhere"
    plots = page.evaluate("[...document.querySelectorAll('.plot')].map(({ id }) => id)")
    assert page.evaluate(DRAWN) == plots
    assert len(plots) == {"large": 8, "half-failed": 8, "tiny": 4, "empty": 0}[name]


def test_a_page_is_drawn_lazily_and_redrawn_in_another_theme(page: Page, tmp_path: Path) -> None:
    page.open(written("half-failed", tmp_path), height=600)
    assert "heat" not in page.evaluate(DRAWN), "what is far below waits"
    page.evaluate("gw.drawAll()")
    before = page.evaluate("document.querySelector('#importance svg').outerHTML")
    page.set_theme(dark=True)
    assert page.evaluate("document.querySelector('#importance svg').outerHTML") != before
    assert page.errors == []


def test_trials_are_chosen_with_the_keyboard_alone(page: Page, tmp_path: Path) -> None:
    page.open(written("half-failed", tmp_path))
    assert len(page.evaluate(PRESSED)) == 3
    page.evaluate("document.getElementById('curves').focus()")
    page.press("ArrowRight")
    page.press("ArrowRight")
    (chosen,) = page.evaluate(PRESSED)
    said = page.evaluate("document.getElementById('said').textContent")
    first = page.evaluate("document.querySelector('#leaderboard button[data-trial]').dataset.trial")
    assert said.startswith("Selected: ")
    assert chosen != first
    page.press("ArrowLeft")
    page.evaluate("document.querySelector('#leaderboard button[data-trial]').focus()")
    page.press("Enter")
    assert page.errors == []


def test_the_leaderboard_is_sorted_by_its_headings(page: Page, tmp_path: Path) -> None:
    page.open(written("half-failed", tmp_path))
    column = "[...document.querySelectorAll('#leaderboard tbody tr')].map((row) => row.children[6].textContent)"
    heading = "document.querySelectorAll('#leaderboard th button')[6]"
    assert page.evaluate(f"{heading}.textContent") == "subsample"
    page.evaluate(f"{heading}.focus()")
    page.press("Enter")
    up = [float(each) for each in page.evaluate(column)]
    page.press("Enter")
    down = [float(each) for each in page.evaluate(column)]
    assert up == sorted(up)
    assert down == sorted(down, reverse=True)
    assert page.evaluate("document.querySelectorAll('th[aria-sort=descending]').length") == 1


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_never_wider_than_the_window(width: int, page: Page, tmp_path: Path, screenshots: Path) -> None:
    page.open(written("half-failed", tmp_path), width=width)
    page.evaluate("gw.drawAll()")
    page.screenshot(screenshots / f"half-failed-{width}.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_objective_is_in_sight_on_a_phone(page: Page, tmp_path: Path) -> None:
    page.open(written("half-failed", tmp_path), width=390)
    heading = (
        "[...document.querySelectorAll('#leaderboard th')].find((each) => each.textContent === "
        "gw.data.objective.metric)"
    )
    assert page.evaluate(f"{heading}.getBoundingClientRect().right") <= 390


PAPER = 680  # CSS pixels of text on A4 and Letter, with a browser's usual margins
WIDEST = (
    "Math.max(...[...document.querySelectorAll('.plot svg, .plot canvas')]"
    ".map((each) => each.getBoundingClientRect().right))"
)


def test_charts_are_printed_whole_and_then_fill_the_window_again(page: Page, tmp_path: Path) -> None:
    page.open(written("half-failed", tmp_path), width=1280)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    plots = page.evaluate("[...document.querySelectorAll('.plot')].map(({ id }) => id)")
    assert page.evaluate(DRAWN) == plots, "those that nobody has scrolled to, too"
    assert page.evaluate("document.querySelector('main').getBoundingClientRect().width") <= PAPER
    left = page.evaluate("document.querySelector('main').getBoundingClientRect().left")
    assert page.evaluate(WIDEST) <= left + PAPER
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(WIDEST) > left + PAPER
    assert page.errors == []


def test_names_of_rules_that_save_alike_do_not_cover_each_other(page: Page, tmp_path: Path) -> None:
    page.open(written("half-failed", tmp_path))
    page.evaluate("gw.drawAll()")
    boxes = page.evaluate(
        "[...document.querySelectorAll('#judged text')].filter((each) => /[A-Za-z]{4}/.test(each.textContent))"
        ".map((each) => [each.textContent, each.getBoundingClientRect()])"
        ".map(([text, box]) => [text, box.left, box.top, box.right, box.bottom])"
    )
    covered = [
        (one[0], other[0])
        for at, one in enumerate(boxes)
        for other in boxes[at + 1 :]
        if one[1] < other[3] and other[1] < one[3] and one[2] + 3 < other[4] and other[2] + 3 < one[4]
    ]
    assert boxes
    assert covered == []


def test_every_control_has_a_name(page: Page, tmp_path: Path) -> None:
    page.open(written("half-failed", tmp_path))
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, select, input, [tabindex]')].filter((each) => "
        "!(each.getAttribute('aria-label') || each.textContent.trim() || each.closest('label')?.textContent.trim()))"
        ".map((each) => each.outerHTML)"
    )
    assert nameless == []

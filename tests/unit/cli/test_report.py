"""`gridwatch report`, on tensors that smdebug wrote and on a profile."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gridwatch.cli.main import main
from tests.unit.reports.markup import check
from tests.unit.rules.profiler.profiles import Profile

BOOSTING = Path(__file__).parents[2] / "data/tensors/boosting"


@pytest.fixture
def gridwatch(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["gridwatch", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        assert isinstance(exit_.value.code, int)
        printed = capsys.readouterr()
        return exit_.value.code, printed.out + printed.err

    return run


def test_of_tensors(gridwatch: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    code, printed = gridwatch("report", BOOSTING, "-o", page, "--title", "a <boosting>")
    assert code == 0, printed
    found = check(page.read_text(encoding="utf-8"))
    assert "a <boosting>" in found.text
    assert "Learning curves" in found.text


@pytest.mark.parametrize("given", ["profiler-output", "."])
def test_of_a_profile(gridwatch: Any, tmp_path: Path, given: str) -> None:
    made = Profile()
    for _ in range(5):
        made.sample(cpu=[20.0, 40.0], memory=30.0)
    for key, content in made.flush().objects.items():
        path = tmp_path / "profiler-output" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    page = tmp_path / "page.html"
    code, printed = gridwatch("report", tmp_path / given, "-o", page)
    assert code == 0, printed
    assert "5 samples of system metrics" in check(page.read_text(encoding="utf-8")).text


def test_an_experiment_is_meant_where_a_folder_of_its_name_has_its_script(
    gridwatch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "train.py").write_text("print('loss=1')\n")
    store = SimpleNamespace(get_experiment=lambda name: name if name == "digits" else None)
    monkeypatch.setattr("gridwatch.cli.report.cloud_of", lambda _: SimpleNamespace(is_named=True, store=store))
    monkeypatch.setattr("gridwatch.cli.report._experiment", lambda _, name, budgets: f"the page of {name}")
    monkeypatch.chdir(tmp_path)
    assert gridwatch("report", "digits") == (0, "wrote digits.html\n")
    assert Path("digits.html").read_text() == "the page of digits"
    shutil.copytree(BOOSTING, "tensors")
    store.get_experiment = lambda name: name
    assert gridwatch("report", "tensors") == (0, "wrote report.html\n"), "tensors that are here are meant"


def test_of_neither(gridwatch: Any, tmp_path: Path) -> None:
    code, printed = gridwatch("report", tmp_path, "-o", tmp_path / "page.html")
    assert code == 1
    assert "neither tensors nor a profile" in printed
    assert gridwatch("report", tmp_path / "nowhere")[0] == 1
    assert not list(tmp_path.iterdir())


def test_of_a_damaged_profile(gridwatch: Any, tmp_path: Path) -> None:
    path = tmp_path / "system/incremental/2026112100/1795219200.algo-1.json"
    path.parent.mkdir(parents=True)
    path.write_text("nonsense\nnonsense\n")
    code, printed = gridwatch("report", tmp_path, "-o", tmp_path / "page.html")
    assert code == 1
    assert "line 1 is no JSON" in printed

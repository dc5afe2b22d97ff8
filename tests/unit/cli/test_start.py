"""The command's first moments: interrupted while it imports, it ends without a traceback."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
INTERRUPTED = """
import sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
from gridwatch.cli.start import main
main()
"""


@pytest.mark.parametrize("module", ["typer", "gridwatch.cli.main", "gridwatch.cli.teardown", "rich.console"])
def test_an_interruption_while_importing_says_nothing(module: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED.format(module=module), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_the_command_begins_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"]["gridwatch"] == "gridwatch.cli.start:main"
    done = subprocess.run(
        [sys.executable, "-m", "gridwatch.cli", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_begins_first_imports_nothing_that_takes_time() -> None:
    source = (ROOT / "gridwatch" / "cli" / "start.py").read_text()
    assert [line for line in source.splitlines() if line.startswith(("import ", "from "))] == [
        "from __future__ import annotations",
        "import sys",
    ]

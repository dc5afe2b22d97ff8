"""The README's spec is the example that it names."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_the_spec_in_the_readme_is_the_example() -> None:
    (shown,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert yaml.safe_load(shown) == yaml.safe_load((ROOT / "examples" / "blobs-debugger.yaml").read_text())


def test_every_function_is_in_the_readme() -> None:
    named = re.findall(r"^\| `functions/(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))

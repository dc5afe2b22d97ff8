"""Which rule files go up with a spec."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from gridwatch.cli.submit import checked_spec, own_files

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "blobs.yaml"


def test_files_beside_the_spec_go_up_with_it(tmp_path: Path) -> None:
    rules = """
rules:
  - {source: team/here.py, class: Here}
  - {source: team/here.py, class: Here, name: once-more}
  - {source: team/there.py, class: There}
  - {source: s3://reviewed-rules/team/here.py, class: Here, name: reviewed}
  - {rule: Overfit}
"""
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "here.py").write_text("class Here: pass\n")
    spec = checked_spec(tmp_path / "a.yaml", (EXAMPLE.read_text() + rules).encode(), date(2026, 11, 21))
    assert own_files(spec, tmp_path) == ["team/here.py"]

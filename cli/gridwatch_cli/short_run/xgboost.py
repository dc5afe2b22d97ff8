"""A short training by Gridwatch's own XGBoost script on a sample of its rows."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridwatch.preflight.notices import Level, Notice
from gridwatch.preflight.sampling import Budget, DataSource, Sample
from gridwatch.preflight.short_run import OBJECTIVES, Measured, judge
from gridwatch.preflight.tables import Table, read_csv
from gridwatch_cli.settings import project_root

if TYPE_CHECKING:
    from gridwatch.launch.plan import Plan

SAMPLE = Budget(read=1 << 22, rows=2_000, cells=400_000)
SECONDS = 60.0
_TOLD = 5  # last lines of a run that failed
_ENVIRONMENT = Path(".venvs", "xgboost", "bin", "python")


def short_run(plan: Plan, sources: Mapping[str, DataSource]) -> tuple[Notice, ...]:
    """What a training of the first trial says, or a note why there was none. Raises OSError and GridwatchError when
    the data cannot be read.
    """
    point = plan.points[0].hyperparameters
    reason = _cannot(plan, point, sources)
    if reason:
        return (Notice(check="short-run", message=f"not run: {reason}", level=Level.NOTE),)
    table, _ = read_csv(Sample.of(sources["train"], SAMPLE), "train", SAMPLE, weighted=False)
    if table.count < 2:
        return (Notice(check="short-run", message="not run: too few rows of numbers", level=Level.NOTE),)
    return tuple(_run(table, point))


def _cannot(plan: Plan, point: Mapping[str, Any], sources: Mapping[str, DataSource]) -> str | None:
    channel = plan.spec.data.get("train")
    objective = str(point.get("objective", "reg:squarederror"))
    if objective not in OBJECTIVES:
        return f"what the loss of {objective} should be is known for {', '.join(OBJECTIVES)} alone"
    if channel is None or "train" not in sources:
        return "the data of train is not within reach; name its folder with --data"
    if "csv" not in (channel.content_type or "") or str(point.get("csv_weights", "0")) == "1":
        return "only CSV without weights is run"
    if str(point.get("booster", "gbtree")) != "gbtree":
        return "only the booster gbtree is run"
    if not (project_root() / _ENVIRONMENT).exists():
        return "the local training environment is missing; run: make setup"
    return None


def _run(table: Table, point: Mapping[str, Any]) -> Iterator[Notice]:
    root = project_root()
    with tempfile.TemporaryDirectory(prefix="gridwatch-short-run-") as name:
        folder = Path(name)
        rows = (",".join(map(repr, table.row_values(place))) for place in range(table.count))
        (folder / "train.csv").write_text("\n".join(rows).replace("nan", "") + "\n")
        (folder / "hyperparameters.json").write_text(json.dumps(dict(point)))
        command = [str(root / _ENVIRONMENT), str(root / "hook" / "xgboost_script" / "short_run.py"), name]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            yield _failed(f"the training of {table.count:,} rows took more than {SECONDS:g} s and was ended")
            return
    if done.returncode:
        said = " | ".join(done.stderr.strip().splitlines()[-_TOLD:]) or f"exit code {done.returncode}"
        yield _failed(f"the training of {table.count:,} rows failed: {said}")
        return
    measured = Measured(**json.loads(done.stdout.strip().splitlines()[-1]))
    yield from judge(measured, table.label, str(point.get("objective", "reg:squarederror")))


def _failed(message: str) -> Notice:
    return Notice(check="short-run", message=message, channel="train")

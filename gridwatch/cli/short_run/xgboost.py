"""A short training by Gridwatch's own XGBoost script on a sample of its rows."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridwatch.cli.settings import project_root
from gridwatch.cli.workshop import how_to_make
from gridwatch.domain.notices import Level, Notice
from gridwatch.preflight.sampling import Budget, Sample
from gridwatch.preflight.short_run import OBJECTIVES, Measured, judge, judge_rounds
from gridwatch.preflight.tables import Table, read_csv
from gridwatch.storage.data_source import DataSource

if TYPE_CHECKING:
    from gridwatch.launch.plan import Plan

SAMPLE = Budget(read=1 << 22, rows=2_000, cells=400_000)
SECONDS = 60.0
TRIALS = 50  # of which the first round is run
_TOLD = 5  # last lines of a run that failed
_ENVIRONMENT = Path(".venvs", "xgboost", "bin", "python")


def short_run(plan: Plan, sources: Mapping[str, DataSource]) -> tuple[Notice, ...]:
    """The notices about each trial's first round, by its own metrics, and about a training of the first trial; or a
    note why there was none. Raises OSError and GridwatchError when the data cannot be read.
    """
    points = [trial.hyperparameters for trial in plan.points[:TRIALS]]
    reason = _cannot(plan, points, sources)
    if reason:
        return (_note(f"not run: {reason}"),)
    table, _ = read_csv(Sample.of(sources["train"], SAMPLE), "train", SAMPLE, weighted=False)
    if table.count < 2:
        return (_note("not run: too few rows of numbers"),)
    losses = _no_losses(points[0])
    notices = [*_run(table, points, plan.spec.objective.metric, losses=losses is None)]
    if losses is not None:
        notices.append(_note(f"only the first round was run: {losses}"))
    if len(plan.points) > TRIALS:
        notices.append(_note(f"the first {TRIALS} of {len(plan.points)} trials were run"))
    return tuple(notices)


def _cannot(plan: Plan, points: Sequence[Mapping[str, Any]], sources: Mapping[str, DataSource]) -> str | None:
    channel = plan.spec.data.get("train")
    if channel is None or "train" not in sources:
        return "the data of train is not within reach; name its folder with --data"
    if "csv" not in (channel.content_type or "") or any(str(point.get("csv_weights", "0")) == "1" for point in points):
        return "only CSV without weights is run"
    if not (project_root() / _ENVIRONMENT).exists():
        return f"the local training environment is missing; {how_to_make('xgboost', project_root())}"
    return None


def _no_losses(point: Mapping[str, Any]) -> str | None:
    """Why the losses of a longer training would mean nothing here."""
    objective = str(point.get("objective", "reg:squarederror"))
    if objective not in OBJECTIVES:
        return f"what the loss of {objective} should be is known for {', '.join(OBJECTIVES)} alone"
    return None if str(point.get("booster", "gbtree")) == "gbtree" else "longer ones are judged of gbtree alone"


def _run(table: Table, points: Sequence[Mapping[str, Any]], ranked_by: str, *, losses: bool) -> Iterator[Notice]:
    root = project_root()
    with tempfile.TemporaryDirectory(prefix="gridwatch-short-run-") as name:
        folder = Path(name)
        rows = (",".join(map(repr, table.row_values(place))) for place in range(table.count))
        (folder / "train.csv").write_text("\n".join(rows).replace("nan", "") + "\n")
        (folder / "points.json").write_text(json.dumps([dict(point) for point in points]))
        script = root / "hook" / "xgboost_script" / "short_run.py"
        command = [str(root / _ENVIRONMENT), str(script), name, *(["losses"] if losses else [])]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            yield _failed(f"the training of {table.count:,} rows took more than {SECONDS:g} s and was ended")
            return
    if done.returncode:
        said = " | ".join(done.stderr.strip().splitlines()[-_TOLD:]) or f"exit code {done.returncode}"
        yield _failed(f"the training of {table.count:,} rows failed: {said}")
        return
    said = json.loads(done.stdout.strip().splitlines()[-1])
    yield from judge_rounds(said["rounds"], points, ranked_by, table.count)
    if said["measured"] is not None:
        yield from judge(Measured(**said["measured"]), table.label, str(points[0].get("objective", "reg:squarederror")))


def _failed(message: str) -> Notice:
    return Notice(check="short-run", message=message, channel="train")


def _note(message: str) -> Notice:
    return Notice(check="short-run", message=message, level=Level.NOTE)

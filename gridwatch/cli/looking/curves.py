"""Curves of single jobs, from the last snapshot, through Athena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gridwatch.alerts.sparkline import LONGEST, sparkline
from gridwatch.cli.context import Cloud
from gridwatch.tables.curve_names import CurveKey, curve_labels, echoes
from gridwatch.tables.queries import text_literal
from gridwatch_rules.streams.metric_source import MetricSource
from gridwatch_rules.wording import counted


@dataclass(frozen=True, slots=True)
class JobCurve:
    """One metric of one job by step. `axis` says what its steps count: `step`, or `line` of a log."""

    name: str
    steps: Sequence[int]
    values: Sequence[float]
    axis: str = "step"

    def line(self) -> str:
        """The whole curve in one line: evenly spaced values, with its first and last."""
        count = len(self.values)
        places = sorted({round(n * (count - 1) / (LONGEST - 1)) for n in range(LONGEST)}) if count > 1 else [0]
        return sparkline([self.values[place] for place in places])

    def words(self) -> str:
        first, last = f"{self.values[0]:.4g}", f"{self.values[-1]:.4g}"
        return f"{self.line()} {first} to {last} in {counted(len(self.values), 'value')}"


def read_curves(cloud: Cloud, job_names: Sequence[str]) -> Mapping[str, Sequence[JobCurve]]:
    """The curves by job; a job that no snapshot has gets none. Raises CliError."""
    listed = ", ".join(text_literal(name) for name in job_names)
    answer = cloud.ask(
        "SELECT job_name, name, mode, coalesce(source, 'hook') AS source, worker, step, value "  # noqa: S608  literals
        f"FROM metrics WHERE job_name IN ({listed}) ORDER BY job_name, name, mode, source, worker, step"
    )
    points: dict[str, dict[CurveKey, tuple[list[int], list[float]]]] = {name: {} for name in job_names}
    for row in answer.rows:
        if row["value"] is None:
            continue
        key = CurveKey(row["name"], row["mode"], row["source"], row["worker"])
        steps, values = points[row["job_name"]].setdefault(key, ([], []))
        steps.append(row["step"])
        values.append(row["value"])
    for curves in points.values():
        for key in echoes({key: len(steps) for key, (steps, _) in curves.items()}):
            del curves[key]
    labels = curve_labels(key for curves in points.values() for key in curves)
    return {
        job: [JobCurve(labels[key], *found, axis=_axis(key)) for key, found in curves.items()]
        for job, curves in points.items()
    }


def _axis(key: CurveKey) -> str:
    known = key.source in set(MetricSource)
    return MetricSource(key.source).step_axis if known else MetricSource.HOOK.step_axis

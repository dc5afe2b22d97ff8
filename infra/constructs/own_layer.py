"""Assembles the layer of Gridwatch's own packages from their folders in the checkout."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

PACKAGES = ("gridwatch", "rules/gridwatch_rules")
# Modules that no function imports, by their paths in the package, because they serve people at their own machines. A
# test checks that.
LEFT_OUT = {
    "gridwatch": (
        "cli",
        "localcloud",
        "project.py",
        "checkout",
        "aws/model_registry.py",
        "aws/past_objects.py",
        "aws/tuning_stop.py",
        "launch/preview.py",
        "launch/profiler_update.py",
        "launch/sdk_objects.py",
        "launch/steering.py",
        "launch/tuning_steering.py",
        "preflight/script_run.py",
        "preflight/short_run.py",
        "reports/tensor_report.py",
        "reports/tensor_summary.py",
        "reproduce/differences.py",
        "reproduce/registering.py",
        "reproduce/rerunning.py",
        "spec/default_metrics.py",
        "spec/described.py",
        "spec/from_job.py",
        "spec/schema.py",
        "state/memory.py",
        "tables/queries.py",
    ),
    "gridwatch_rules": ("command", "checking.py", "choosing.py", "contents.py", "places.py", "replays.py"),
}


class MissingPackageError(Exception):
    """One of Gridwatch's own packages is not where it should be; the message names the place."""


def assemble(root: Path, target: Path) -> Path:
    """Assemble a Lambda layer in `target`: the packages of the checkout at `root` below `python/`, without bytecode.

    Raises MissingPackageError.
    """
    for name in PACKAGES:
        source = root / name
        if not (source / "__init__.py").is_file():
            raise MissingPackageError(f"{source} is missing: the layer of Gridwatch's own packages needs it")
        shutil.copytree(source, target / "python" / source.name, ignore=_left_out(source))
    return target


def _left_out(package: Path) -> Callable[[str, list[str]], set[str]]:
    """A function for shutil that names the entries of a folder that are not copied."""

    def ignored(folder: str, names: list[str]) -> set[str]:
        place = Path(folder).relative_to(package)
        left = {name for name in names if (place / name).as_posix() in LEFT_OUT[package.name]}
        return left | {name for name in names if name in ("__pycache__", "py.typed") or name.endswith(".pyc")}

    return ignored

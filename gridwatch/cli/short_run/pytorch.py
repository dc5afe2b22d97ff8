"""A short training with a spec's own PyTorch script, on the data within reach.

The script runs as the local cloud runs it, with the same files and variables and no credentials; pytorch_probe.py
records what it does.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from gridwatch.cli.settings import project_root
from gridwatch.cli.sources import packed_source
from gridwatch.cli.workshop import how_to_make
from gridwatch.domain.notices import Level, Notice
from gridwatch.preflight.script_run import Probed, judge
from gridwatch.storage.data_source import DataFile, DataSource
from gridwatch.storage.layout import HOOK_PLACE, TENSORS_KEY

if TYPE_CHECKING:
    from gridwatch.launch.plan import Plan

SECONDS = 60.0  # of both runs
MOST_DATA = 256 << 20  # bytes
_LOOK = 0.4  # of the seconds; what it leaves is the second run's
_GRACE = 15.0  # seconds beyond its own limit, in which a process that does not step is ended
_BLOCK = 1 << 22
_TOLD = 5  # last lines of a run that failed
_ENVIRONMENT = Path(".venvs", "frameworks", "bin", "python")
_MISSING_PACKAGE = 3  # the probe's exit code
_PROBE = Path(__file__).with_name("pytorch_probe.py")


def short_run(plan: Plan, folder: Path, sources: Mapping[str, DataSource]) -> tuple[Notice, ...]:
    """A short training with PyTorch, by the contract of gridwatch.cli.short_run's."""
    reason = _cannot(plan, sources)
    if reason:
        return (Notice(check="short-run", message=f"not run: {reason}", level=Level.NOTE),)
    with tempfile.TemporaryDirectory(prefix="gridwatch-short-run-") as name:
        return tuple(_Script.laid_out(plan, folder, sources, Path(name)).judged())


def _cannot(plan: Plan, sources: Mapping[str, DataSource]) -> str | None:
    spec = plan.spec
    missing = sorted(set(spec.data) - set(sources))
    size = sum(file.size for source in sources.values() for file in source.files())
    if not spec.algorithm.has_local_source:
        return "the script does not lie beside the spec"
    if not (spec.algorithm.entry_point or "").endswith(".py"):
        return f"only Python is run, and this is {spec.algorithm.entry_point}"
    if spec.distribution is not None:
        return "it is distributed over several processes"
    if any(channel.input_mode == "Pipe" for channel in spec.data.values()):
        return "a channel comes through a pipe"
    if missing:
        return f"the data of {', '.join(missing)} is not within reach; name its folder with --data"
    if size > MOST_DATA:
        return f"its data are {size:,} bytes, and at most {MOST_DATA:,} are copied; name a smaller folder with --data"
    if not (project_root() / _ENVIRONMENT).exists():
        return f"the local PyTorch environment is missing; {how_to_make('frameworks', project_root())}"
    return None


class _Script:
    """The script with its files in place."""

    def __init__(self, base: Path, code: Path, module: str, words: Sequence[str], variables: Mapping[str, str]) -> None:
        self._base, self._code, self._module = base, code, module
        self._words, self._variables = list(words), dict(variables)

    @classmethod
    def laid_out(cls, plan: Plan, folder: Path, sources: Mapping[str, DataSource], base: Path) -> _Script:
        from gridwatch.localcloud.images.script_mode import arguments, environment, unpack  # noqa: PLC0415  only this command needs it
        from gridwatch.localcloud.sagemaker.layout import lay_out  # noqa: PLC0415

        layout = lay_out(plan.template, base)
        for name, source in sources.items():
            _copy(source, layout.data / name)
        packed = packed_source(plan.spec.algorithm, folder)
        assert packed is not None, "only scripts beside the spec are run"
        with tarfile.open(fileobj=io.BytesIO(packed.content)) as archive:
            unpack(archive, layout.code)
        entry = str(plan.spec.algorithm.entry_point)
        module = entry.removesuffix(".py").replace("/", ".")
        point = {"sagemaker_program": entry, **plan.points[0].hyperparameters}
        said = plan.template.get("Environment", {})
        paths = said.get("PYTHONPATH", "").split(":")
        variables = {
            **environment(base, point, layout.code, module),
            "SAGEMAKER_BASE_DIR": str(base),
            "PATH": os.defpath,
            "HOME": str(base),
            **said,
            "PYTHONPATH": ":".join([str(layout.code), *(part for part in paths if part != HOOK_PLACE)]),
            TENSORS_KEY: str(layout.output / "tensors"),
        }
        return cls(base, layout.code, module, arguments(point), variables)

    def judged(self) -> Iterator[Notice]:
        begun = time.monotonic()
        looked = self._probed("look", SECONDS * _LOOK)
        if isinstance(looked, Notice):
            yield looked
            return
        batch = None
        if looked.can_hold_a_batch:
            left = max(SECONDS - (time.monotonic() - begun), SECONDS * _LOOK)
            batch = self._probed("batch", left)
        if isinstance(batch, Notice):
            yield batch
            batch = None
        yield from judge(looked, batch)

    def _probed(self, mode: str, seconds: float) -> Probed | Notice:
        report = self._base / f"{mode}.json"
        python = str(project_root() / _ENVIRONMENT)
        command = [python, str(_PROBE), mode, f"{seconds:g}", str(report), self._module, *self._words]
        try:
            done = subprocess.run(
                command, cwd=self._code, env=self._variables, capture_output=True, text=True,
                timeout=seconds + _GRACE, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            message = f"the script made no step in {seconds + _GRACE:.0f} s and was ended: nothing can be said of it"
            return Notice(check="short-run", message=message, level=Level.NOTE)
        if done.returncode == _MISSING_PACKAGE:
            message = f"not run: the local PyTorch environment has no package {done.stderr.strip().splitlines()[-1]}"
            return Notice(check="short-run", message=message, level=Level.NOTE)
        if done.returncode or not report.exists():
            said = " | ".join(done.stderr.strip().splitlines()[-_TOLD:]) or f"exit code {done.returncode}"
            return Notice(check="short-run", message=f"the script failed: {said}", field="algorithm.entry_point")
        told: dict[str, Any] = json.loads(report.read_text())
        return Probed(**told)


def _copy(source: DataSource, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files = source.files()
    for file, name in zip(files, _names(files), strict=True):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as copy:
            for start in range(0, file.size, _BLOCK):
                copy.write(source.read(file.key, start, _BLOCK))


def _names(files: Sequence[DataFile]) -> list[str]:
    """The files' names below the folder that they share."""
    shared = os.path.commonpath([PurePosixPath(file.key).parent.as_posix() for file in files]) if files else ""
    return [PurePosixPath(file.key).relative_to(shared).as_posix() for file in files]

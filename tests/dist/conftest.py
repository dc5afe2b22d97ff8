"""The wheels in dist/, each installed with its dependencies into an empty environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "dist"
UV = Path(sys.executable).parent / "uv"


@dataclass(frozen=True)
class Installed:
    """An environment with one of the wheels installed, and a folder to work in."""

    place: Path
    folder: Path

    def run(self, program: str, *arguments: str, code: int = 0, environment: Mapping[str, str] | None = None) -> str:
        """What a program of the environment prints, with nothing of this shell's environment but a home."""
        done = self._run(program, *arguments, environment=environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def complaint(self, program: str, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """What a program says that cannot do as asked."""
        done = self._run(program, *arguments, environment=environment)
        assert done.returncode == 1, done.stdout + done.stderr
        return done.stderr

    def _run(
        self, program: str, *arguments: str, environment: Mapping[str, str] | None
    ) -> subprocess.CompletedProcess[str]:
        command = [str(self.place / "bin" / program), *arguments]
        given = {"HOME": str(self.folder), "PATH": "/usr/bin:/bin", **(environment or {})}
        return subprocess.run(
            command, cwd=self.folder, env=given, capture_output=True, text=True, check=False, timeout=500
        )

    def top_level(self) -> set[str]:
        """The top-level modules that the environment has, of all installed packages."""
        (site,) = self.place.glob("lib/python3.*/site-packages")
        return {path.stem for path in site.iterdir() if path.is_dir() or path.suffix == ".py"}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Installed]:
    """Install the wheel of each distribution, once."""
    made: dict[str, Installed] = {}

    def install(name: str) -> Installed:
        if name not in made:
            (wheel,) = DIST.glob(f"{name}-[0-9]*.whl")
            place = tmp_path_factory.mktemp(name) / "environment"
            subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, place], check=True)
            # Wheels of a version that were built before may lie in uv's cache: these are asked for afresh.
            afresh = [f"--refresh-package={each}" for each in ("gridwatch", "gridwatch-rules", "gridwatch-hook")]
            packages = [str(wheel), "--find-links", str(DIST), *afresh]
            asked = [UV, "pip", "install", "--quiet", "--python", place / "bin" / "python", *packages]
            done = subprocess.run(asked, env=dict(os.environ), capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            made[name] = Installed(place, tmp_path_factory.mktemp(f"{name}-work"))
        return made[name]

    return install

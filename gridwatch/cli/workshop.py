"""What the embedded cloud needs besides the installed packages: layers, the training script, training environments.

In a checkout `make setup layers` makes them; where the command was installed from its distribution, it makes them
itself.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from gridwatch.cli.errors import CliError
from gridwatch.cli.settings import child_environment
from gridwatch.project import is_checkout

_LAYERS = ("runtime", "numeric", "duckdb", "plots")
_DEPLOYED = ("--platform", "aarch64-manylinux_2_28", "--python", "3.13")
_TOLD = 8  # the last lines of what failed: uv tells a fault with its causes, one a line
_FRAMEWORKS = ("xgboost", "scikit-learn")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to be made: `made` exists once it is, `command` makes it."""

    title: str
    made: Path
    command: tuple[str, ...]


def how_to_make(framework: str, root: Path) -> str:
    """What a person does who misses the place to train with a framework."""
    if is_checkout(root):
        return "run: make frameworks" if framework == "frameworks" else "run: make setup"
    if framework in _FRAMEWORKS:
        return "`gridwatch local up` makes it"
    place = root / ".venvs" / framework
    return f"make it with: {shlex.quote(sys.executable)} -m venv {shlex.quote(str(place))}, and install torch there"


def make_ready(root: Path, tell: Callable[[str], None]) -> None:
    """Make what is missing, once for each version; packages come from the registry that pip is set to.

    Raises CliError with the last words of what failed.
    """
    if is_checkout(root):
        return
    for step in steps(root):
        if not step.made.exists():
            tell(f"{step.title} (once) …")
            _run(step, root)


def steps(root: Path) -> Iterator[Step]:
    """Everything that is made, in order."""
    python, build = sys.executable, root / "layers" / "build"
    for platform, asked in (("host", ()), (_DEPLOYED[1], _DEPLOYED)):
        for layer in _LAYERS:
            command = (python, "-m", "scripts.build_layer", "--layer", layer, *asked)
            made = build / platform / layer / "layer-build.json"
            yield Step(f"installing the layer {layer} for {platform}", made, command)
    script = build / "training" / "xgboost" / "sourcedir.tar.gz"
    yield Step("packing the training script", script, (python, "-m", "scripts.training_source"))
    hook = build / "training" / "hook" / "gridwatch_hook.zip"
    yield Step("packing the hook", hook, (python, "-m", "scripts.training_source"))
    for framework in _FRAMEWORKS:
        place = root / ".venvs" / framework
        program = place / "bin" / "python"
        wanted = str(root / "requirements" / f"training-{framework}.txt")
        yield Step(
            f"making a place to train with {framework}", program, (python, "-m", "venv", "--without-pip", str(place))
        )
        packages = (find_uv_bin(), "pip", "sync", "--quiet", "--require-hashes", "--python", str(program), wanted)
        yield Step(f"installing {framework}", place / ".ready", packages)


def _run(step: Step, root: Path) -> None:
    # uv trusts the machine's certificates, as pip does, so that it works behind a proxy that has its own.
    environment = child_environment(UV_SYSTEM_CERTS="1", UV_PYTHON_DOWNLOADS="never")
    done = subprocess.run(step.command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()
        raise CliError(f"{step.title} failed: {' | '.join(line.strip() for line in said[-_TOLD:])}")
    if step.made.name == ".ready":
        step.made.touch()

"""Modules that a training script imports and that are missing where it will run, found before anything is launched.

The entry point and the files beside it that it imports are read as text; nothing is run. An import that the script
itself expects to fail (in a `try`) does not count, nor does a package that a requirements.txt at the root installs.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from gridwatch.cli.output import console
from gridwatch.cli.settings import project_root
from gridwatch.cli.sources import source_files

if TYPE_CHECKING:
    from gridwatch.cli.launch_site import LaunchSite
    from gridwatch.spec.model import ExperimentSpec

# Modules that are called otherwise than what is installed.
_DISTRIBUTIONS = {
    "sklearn": "scikit-learn", "yaml": "pyyaml", "PIL": "pillow", "cv2": "opencv-python", "dateutil": "python-dateutil",
    "bs4": "beautifulsoup4", "skimage": "scikit-image", "attr": "attrs", "google": "protobuf",
    "mpl_toolkits": "matplotlib",
}  # fmt: skip
_ALWAYS = {"pip", "setuptools", "pkg_resources", "wheel"}
# What is known of AWS's images: the packages of the environment that stands for one in this project's tests.
_OF_AWS = {"*/sagemaker-xgboost:3.2-0": "requirements/image-xgboost-3.2-0.txt"}
_HOOK = "gridwatch_hook"
_FORGIVING = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


@dataclass(frozen=True, slots=True)
class Import:
    module: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a script runs, by its name, and the modules or packages there."""

    name: str
    modules: frozenset[str]
    distributions: frozenset[str] = frozenset()

    def has(self, module: str) -> bool:
        return module in self.modules or _normal(_DISTRIBUTIONS.get(module, module)) in self.distributions


def lacking(files: Mapping[str, Path], entry_point: str, image: str, *, is_local: bool) -> list[str]:
    """A line for each imported module that is missing where the script will run; empty where that is not known."""
    place = local_place(image) if is_local else place_of_aws(image)
    brought = _brought(files)
    if place is None or brought is None:
        return []
    wanted = {each.module: each for each in reversed(list(imports_of(files, entry_point)))}
    missing = [
        each
        for module, each in wanted.items()
        if module not in _ALWAYS
        and not place.has(module)
        and _normal(_DISTRIBUTIONS.get(module, module)) not in brought
        and _normal(module) not in brought
    ]
    return [
        f"{each.file}:{each.line} imports {each.module}, which {place.name} does not have: {_remedy(each.module)}"
        for each in sorted(missing, key=lambda each: (each.file, each.line))
    ]


def _remedy(module: str) -> str:
    if module.partition(".")[0] == _HOOK:
        return f"copy Gridwatch's folder hook/{_HOOK} beside the script"  # no index of packages has it
    return "name it in a requirements.txt beside the script"


def missing_packages(spec: ExperimentSpec, folder: Path, site: LaunchSite) -> list[str]:
    """The imports of the script beside the spec that are missing where it will run."""
    from gridwatch.launch.images import NoImageError, UnknownRegionError  # noqa: PLC0415  pydantic is slow to import
    from gridwatch.launch.parts.algorithm import algorithm_part  # noqa: PLC0415

    algorithm = spec.algorithm
    files = source_files(algorithm, folder)
    if files is None or algorithm.entry_point is None:
        return []
    try:
        image = algorithm_part(spec, site.deployment, None)["AlgorithmSpecification"].get("TrainingImage")
    except (NoImageError, UnknownRegionError):
        return []  # the spec is refused for it
    return [] if image is None else lacking(files, algorithm.entry_point, image, is_local=site.is_local)


def print_packages(packages: Iterable[str]) -> None:
    for line in packages:
        console(stderr=True).print(f"warning: {line}", markup=False)


def imports_of(files: Mapping[str, Path], entry_point: str) -> Iterator[Import]:
    """The imports of the entry point and of the files beside it that it imports, except the standard library."""
    waiting, seen = [entry_point], {entry_point}
    while waiting:
        name = waiting.pop(0)
        for line, module in _imported(files[name]):
            beside = _beside(files, module)
            if beside:
                waiting += [each for each in beside if each not in seen]
                seen.update(beside)
            elif module.partition(".")[0] not in sys.stdlib_module_names:
                yield Import(module.partition(".")[0], name, line)


def local_place(image: str) -> Place | None:
    """The environment that stands for the image in the local cloud; None when there is none or it is not built."""
    from gridwatch.localcloud.sagemaker.errors import ServiceError  # noqa: PLC0415  only who plans for a local cloud needs it
    from gridwatch.localcloud.sagemaker.images import ImageMap  # noqa: PLC0415

    try:
        python = Path(ImageMap.load().find(image, "training").command[0])
    except ServiceError:
        return None
    found = [
        entry
        for folder in python.parent.parent.glob("lib/python3.*/site-packages")
        for entry in folder.iterdir()
        if not entry.name.endswith((".dist-info", ".pth"))
    ]
    name = f"the local cloud's environment {python.parent.parent.parent.name}/{python.parent.parent.name}"
    return Place(name, frozenset(entry.name.partition(".")[0] for entry in found)) if found else None


def place_of_aws(image: str) -> Place | None:
    """AWS's image, as far as its packages are known; None for other images."""
    file = next((file for pattern, file in _OF_AWS.items() if fnmatchcase(image, pattern)), None)
    if file is None:
        return None
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==", (project_root() / file).read_text(), re.MULTILINE)
    # smdebug is on no registry, so that no file of ours can pin it.
    return Place(f"AWS's image {image.rpartition('/')[2]}", frozenset({"smdebug"}), frozenset(map(_normal, pinned)))


def _imported(file: Path) -> Iterator[tuple[int, str]]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return  # its job will say so
    for node in _counted(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, alias.name) for alias in node.names)


def _counted(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it, except code that may fail or is for type checkers only."""
    yield node
    skipped: list[ast.stmt] = []
    if isinstance(node, ast.Try) and any(_forgives(handler) for handler in node.handlers):
        skipped = [*node.body, *(each for handler in node.handlers for each in handler.body)]
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        skipped = node.body
    for child in ast.iter_child_nodes(node):
        if child not in skipped and not (skipped and isinstance(child, ast.ExceptHandler)):
            yield from _counted(child)


def _forgives(handler: ast.ExceptHandler) -> bool:
    names = {each.id for each in ast.walk(handler.type) if isinstance(each, ast.Name)} if handler.type else _FORGIVING
    return bool(names & _FORGIVING)


def _beside(files: Mapping[str, Path], module: str) -> list[str]:
    """The packed files that an import reads: for `a.b` also those of `a`."""
    parts = module.split(".")
    paths = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    return [name for path in paths for name in (f"{path}.py", f"{path}/__init__.py") if name in files]


def _brought(files: Mapping[str, Path]) -> frozenset[str] | None:
    """The packages that the script's requirements.txt installs, by name; None when it names anything but packages."""
    if "requirements.txt" not in files:
        return frozenset()
    lines = [
        line.partition("#")[0].strip() for line in files["requirements.txt"].read_text(errors="replace").splitlines()
    ]
    names = [re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*(?=$|[\s\[<>=!~;@])", line) for line in lines if line]
    return None if None in names else frozenset(_normal(each[0]) for each in names if each)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

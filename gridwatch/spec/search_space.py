"""The search space of a spec: its grid and its search as `gridwatch.grid.search` takes them, and every value with its
place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gridwatch.grid.search import Draw, Search
from gridwatch.spec.problems import Path
from gridwatch.spec.values import Scalar

if TYPE_CHECKING:
    from gridwatch.spec.model import ExperimentSpec
    from gridwatch.spec.parts.search import Distribution

# Factors that are no hyperparameters but fields of the spec.
INSTANCE_TYPE = "resources.instance_type"
INSTANCE_COUNT = "resources.instance_count"
SETTINGS = (INSTANCE_TYPE, INSTANCE_COUNT)
_OF_FIELDS = "resources."  # no hyperparameter's name begins so

_KINDS = ("uniform", "log_uniform", "integer", "choice")


def search_of(spec: ExperimentSpec) -> Search:
    search = spec.search
    if search is None:
        return Search(factors=spec.grid or {})
    random, repeats = search.random, search.repeats
    return Search(
        listed=search.list_ or (),
        zipped=search.zip_ or (),
        factors=spec.grid or {},
        draws={name: draw_of(given) for name, given in random.parameters.items()} if random else {},
        samples=random.samples if random else 1,
        seed=random.seed if random else 0,
        conditions=search.when,
        constraints=search.constraints,
        repeats=repeats.count if repeats else 1,
        seed_name=repeats.seed if repeats else None,
        first_seed=repeats.first_seed if repeats else 0,
        static=spec.hyperparameters,
    )


def kinds_of(given: Distribution) -> list[str]:
    """The kinds of distribution that the section names; exactly one in a valid spec."""
    return [kind for kind in _KINDS if getattr(given, kind) is not None]


def draw_of(given: Distribution) -> Draw:
    (kind,) = kinds_of(given)
    return Draw(kind, getattr(given, kind))


def varied(spec: ExperimentSpec) -> Iterator[tuple[Path, str, Scalar]]:
    """Every value that a trial may have and its place; for a range, both ends."""
    yield from _tuned(spec)
    for name, values in (spec.grid or {}).items():
        yield from ((("grid", name, index), name, value) for index, value in enumerate(values))
    search = spec.search
    if search is None:
        return
    for index, point in enumerate(search.list_ or ()):
        yield from ((("search", "list", index, name), name, value) for name, value in point.items())
    for index, group in enumerate(search.zip_ or ()):
        for name, values in group.items():
            path = ("search", "zip", index, name)
            yield from (((*path, place), name, value) for place, value in enumerate(values))
    for name, given in (search.random.parameters if search.random else {}).items():
        for kind in kinds_of(given):
            bounds = ("search", "random", "parameters", name, kind)
            yield from (((*bounds, place), name, value) for place, value in enumerate(getattr(given, kind)))
    if search.repeats is not None and search.repeats.seed is not None:
        yield ("search", "repeats", "seed"), search.repeats.seed, search.repeats.first_seed


def _tuned(spec: ExperimentSpec) -> Iterator[tuple[Path, str, Scalar]]:
    for name, tuned in (spec.tune.parameters if spec.tune else {}).items():
        if tuned.auto is not None:
            yield ("tune", "parameters", name, "auto"), name, tuned.auto
        for kind in (each for each in tuned.kinds if each != "auto"):
            place: Path = ("tune", "parameters", name, kind)
            yield from (((*place, index), name, value) for index, value in enumerate(getattr(tuned, kind)))


def names_of(spec: ExperimentSpec) -> Iterator[tuple[Path, str]]:
    """Every name that varies, with each part of the spec that names it."""
    yield from ((("tune", "parameters", name), name) for name in (spec.tune.parameters if spec.tune else {}))
    yield from ((("grid", name), name) for name in spec.grid or {})
    search = spec.search
    if search is None:
        return
    first = (search.list_ or [{}])[0]
    yield from ((("search", "list", 0, name), name) for name in first)
    for index, group in enumerate(search.zip_ or ()):
        yield from ((("search", "zip", index, name), name) for name in group)
    yield from (
        (("search", "random", "parameters", name), name)
        for name in (search.random.parameters if search.random else {})
    )  # fmt: skip
    if search.repeats is not None and search.repeats.seed is not None:
        yield ("search", "repeats", "seed"), search.repeats.seed


def is_hyperparameter(name: str) -> bool:
    return not name.startswith(_OF_FIELDS)


def factors_of(spec: ExperimentSpec) -> dict[str, list[Scalar]]:
    """Each hyperparameter that varies with the values that it may have, in the order of the points; for a range, its
    ends.
    """
    factors: dict[str, list[Scalar]] = {}
    for _, name, value in varied(spec):
        if is_hyperparameter(name):
            factors.setdefault(name, []).append(value)
    return factors

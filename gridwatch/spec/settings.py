"""The combinations of values that several hyperparameters have in the trials of a spec."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from gridwatch.grid.search import ExpressionError, Search, search_points
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.search_space import factors_of, search_of

_MOST = 100_000  # points that are looked at; a spec with more is refused for their number
Setting = dict[str, Any]


class Settings:
    """The settings of a spec's trials; for a tuning job, those at the ends of its ranges and of all its categories.

    A search that is not well formed makes no points and has no settings: its own problems are reported elsewhere.
    """

    def __init__(self, spec: ExperimentSpec) -> None:
        self._spec = spec

    def of(self, names: Sequence[str]) -> Iterator[Setting]:
        """Each combination of these hyperparameters that occurs, once; a hyperparameter that a trial lacks is
        left out.
        """
        seen: set[tuple[tuple[str, str], ...]] = set()
        for whole in itertools.islice(self._wholes(names), _MOST):
            setting = {name: whole[name] for name in names if name in whole}
            key = tuple((name, repr(value)) for name, value in setting.items())
            if key not in seen:
                seen.add(key)
                yield setting

    def _wholes(self, names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        static = self._spec.hyperparameters
        if self._spec.tune is not None:
            varied = {name: values for name, values in factors_of(self._spec).items() if name in names}
            for values in itertools.product(*varied.values()):
                yield static | dict(zip(varied, values, strict=True))
        elif self._selects:
            yield from self._selected
        else:
            yield from ({**static, **point} for point in _points(self._spec, names))

    @property
    def _selects(self) -> bool:
        search = self._spec.search
        return search is not None and bool(search.when or search.constraints)

    @cached_property
    def _selected(self) -> list[Mapping[str, Any]]:
        """The settings of all points, since conditions and constraints may refer to any hyperparameter."""
        return [{**self._spec.hyperparameters, **point} for point in _points(self._spec, None)]


def _points(spec: ExperimentSpec, names: Sequence[str] | None) -> Iterator[Mapping[str, Any]]:
    """The points. `names`: the hyperparameters that count, where no other one has an influence."""
    try:
        search = search_of(spec) if names is None else _narrowed(search_of(spec), names)
        looks = search.candidates * max(1, len(search.conditions) + len(search.constraints))
        if looks <= _MOST:
            yield from (point.values for point in search_points(search))
    except (ExpressionError, ValueError):
        return


def _narrowed(search: Search, names: Sequence[str]) -> Search:
    """A search of these hyperparameters alone, with the same settings and far fewer points."""
    return replace(
        search,
        listed=_distinct({name: row[name] for name in row if name in names} for row in search.listed),
        zipped=[kept for group in search.zipped if (kept := {n: v for n, v in group.items() if n in names})],
        factors={name: values for name, values in search.factors.items() if name in names},
        draws={name: draw for name, draw in search.draws.items() if name in names},
        samples=search.samples if any(name in names for name in search.draws) else 1,
        repeats=1,
        seed_name=None,
    )


def _distinct(rows: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({repr(sorted(row.items())): row for row in rows}.values())

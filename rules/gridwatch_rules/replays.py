"""Functions for notebooks about finished trainings: replay rules on their curves, and read a training's tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gridwatch_rules.choosing import choices
from gridwatch_rules.failures import PermanentError
from gridwatch_rules.judgement.backtest import Outcome, measure
from gridwatch_rules.judgement.grids import Grid, parse_grid
from gridwatch_rules.places import Opener, require_tensors
from gridwatch_rules.tensors.reader import TensorReader


def open_tensors(location: str | Path) -> TensorReader:
    """Open the tensors of a folder, or of a job's whole output. Raises FileNotFoundError where there are none."""
    opener = Opener()
    path = opener.tensors_in(str(location))
    source = opener.open(path)
    require_tensors(source, path)
    return TensorReader(source)


def read_grid(path: str | Path, metric: str | None = None, direction: str | None = None) -> Grid:
    """Read the grid in a file of curves (JSON, also gzipped). Raises PermanentError when it cannot be read or is
    invalid.
    """
    file = Path(path)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise PermanentError(f"{file} cannot be read: {error.strerror}") from error
    name = file.name.removesuffix(".gz").removesuffix(".json")
    return parse_grid(content, name, metric=metric, direction=direction)


def backtest(
    curves: str | Path,
    rules: str | Sequence[str] = (),
    parameters: Mapping[str, str] | None = None,
    *,
    orders: int = 20,
    workers: int | Sequence[int] = (8,),
    hopeless: float | None = None,
    metric: str | None = None,
    direction: str | None = None,
) -> list[Outcome]:
    """Measure what each rule would have saved and what it would have cost, as means over `orders` random orders of
    arrival for each number of `workers`. Without `rules` it measures every rule across trials. A parameter `KEY` goes
    to every chosen rule that has it, and `RULE.KEY` to that rule alone.

    Raises ChoiceError, RuleConfigurationError, PermanentError, and ValueError for counts that are none.
    """
    several = [workers] if isinstance(workers, int) else list(workers)
    if orders < 1 or not several or min(several) < 1:
        raise ValueError(f"orders = {orders}, workers = {several}: allowed are whole numbers of at least 1")
    grid = read_grid(curves, metric, direction)
    named = [rules] if isinstance(rules, str) else rules
    chosen = choices(named, [f"{key}={value}" for key, value in (parameters or {}).items()])
    return [measure(grid, choice, orders, several, hopeless) for choice in chosen]

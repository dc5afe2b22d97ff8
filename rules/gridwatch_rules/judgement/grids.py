"""Complete grids, in which every configuration trained to its end, so that the cost of a rule can be measured."""

from __future__ import annotations

import gzip
import io
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gridwatch_rules.failures import PermanentError
from gridwatch_rules.rules.metrics import is_score

MAX_UNPACKED = 200_000_000  # bytes; room for ten thousand trials with a thousand steps each
_PREFERRED = ("validation_loss", "val_loss", "validation-logloss", "validation-mlogloss", "validation-rmse", "loss")
_ACCURACIES = ("accuracy", "validation_accuracy", "val_accuracy", "validation-accuracy")


class GridError(PermanentError, ValueError):
    """The input is not a grid on which rules can be replayed; the message says where and what is expected."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A configuration that trained to its end. `losses` are those of the judged metric (lower is better; inf where it
    was not finite) at `resources`; `seconds` is the whole training time; `series` holds every series as it was
    recorded.
    """

    name: str
    resources: Sequence[float]
    losses: Sequence[float]
    seconds: float
    series: Mapping[str, Sequence[float]] = field(default_factory=dict)
    accuracy: Sequence[float] | None = None
    price_per_hour: float | None = None  # the price of all its instances
    steps: Sequence[int] | None = None  # the global step of each report, where it is known

    @property
    def best(self) -> float:
        return min(self.losses)


@dataclass(frozen=True, slots=True)
class Grid:
    """The trials of one experiment. `metric` is the one they are judged by; `incomplete` counts trials that had to be
    left out.
    """

    name: str
    metric: str
    maximize: bool
    trials: Sequence[Trained]
    incomplete: int = 0
    currency: str = "USD"  # the currency of the trials' prices

    @property
    def seconds(self) -> float:
        return sum(trial.seconds for trial in self.trials)

    def counted_in(self, resource: str) -> Grid:
        """The same grid with its resources in `rounds`, `epochs` or `seconds`, as rules across trials count them. Where
        no steps are known, each report counts as a round.
        """
        trials = [replace(trial, resources=_resources(trial, resource)) for trial in self.trials]
        return replace(self, trials=trials)


def _resources(trial: Trained, resource: str) -> Sequence[float]:
    reports = range(1, len(trial.losses) + 1)
    if resource == "rounds" and trial.steps is not None:
        return [step + 1 for step in trial.steps]
    if resource == "seconds" and trial.seconds:
        return [trial.seconds * number / len(trial.losses) for number in reports]
    return reports


def parse_grid(content: bytes, name: str, *, metric: str | None = None, direction: str | None = None) -> Grid:
    """Parse a curves file: a JSON list (also gzipped) of objects with a list for each series, `null` where a value was
    not finite, and `seconds` for the whole training. `config` and all other members that are not lists are ignored.
    Raises GridError.
    """
    document = _json(content, name)
    if not isinstance(document, list) or not document:
        raise GridError(f"{name}: a list of at least one configuration is wanted, there is {_kind(document)}")
    for place, entry in enumerate(document):
        if not isinstance(entry, dict):
            raise GridError(f"{name}: entry {place} is {_kind(entry)}, wanted is an object with a list for each series")
    chosen = metric or _choose(document, name)
    if direction not in (None, "min", "max"):
        raise GridError(f"direction {direction!r}: allowed are min and max")
    maximize = _is_score(chosen) if direction is None else direction == "max"
    accuracy = next((key for key in _ACCURACIES if any(isinstance(entry.get(key), list) for entry in document)), None)
    trials, incomplete = [], 0
    for place, entry in enumerate(document):
        found = _trained(entry, f"{name}: entry {place}", chosen, accuracy, maximize=maximize)
        if found is None:
            incomplete += 1
        else:
            trials.append(found)
    if not trials:
        raise GridError(f"{name}: no configuration has values of {chosen!r}")
    return Grid(name, chosen, maximize, trials, incomplete)


def _json(content: bytes, name: str) -> Any:
    try:
        return json.loads(_unpacked(content, name) if content[:2] == b"\x1f\x8b" else content)
    except (OSError, EOFError, zlib.error) as error:
        raise GridError(f"{name} is damaged: {error}") from error
    except (ValueError, RecursionError) as error:
        raise GridError(f"{name} is no JSON: {error}") from error


def _unpacked(content: bytes, name: str) -> bytes:
    """Unpack the file up to a limit, because a few kilobytes can unpack to gigabytes."""
    with gzip.open(io.BytesIO(content)) as stream:
        text = stream.read(MAX_UNPACKED + 1)
    if len(text) > MAX_UNPACKED:
        raise GridError(f"{name} is too large: it unpacks to more than {MAX_UNPACKED:,} bytes")
    return text


def _choose(document: Sequence[Mapping[str, Any]], name: str) -> str:
    names = sorted({key for entry in document for key, value in entry.items() if isinstance(value, list)})
    for preferred in _PREFERRED:
        if preferred in names:
            return preferred
    judged = [key for key in names if not key.startswith("train") and key not in ("config", "steps", "rounds")]
    for among in ([key for key in judged if not _is_score(key)], judged):
        if len(among) == 1:
            return among[0]
    there = ", ".join(names) or "none"
    raise GridError(f"{name}: which series is to be judged? Name it as the metric; there are {there}")


def _trained(
    entry: Mapping[str, Any], where: str, metric: str, accuracy: str | None, *, maximize: bool
) -> Trained | None:
    series = {key: _numbers(value, f"{where}: {key}") for key, value in entry.items() if isinstance(value, list)}
    values = series.get(metric)
    if not values:
        return None
    seconds = entry.get("seconds")
    seconds = len(values) if seconds is None else seconds
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        raise GridError(f"{where}: seconds = {seconds!r}; a number of at least 0 is wanted")
    sign = -1.0 if maximize else 1.0
    losses = [sign * value if math.isfinite(value) else math.inf for value in values]
    seen = series.get(accuracy) if accuracy else None
    name = where.rpartition("entry ")[2]
    return Trained(name, range(1, len(losses) + 1), losses, float(seconds), series, seen)


def _numbers(values: Sequence[Any], where: str) -> list[float]:
    numbers = []
    for place, value in enumerate(values):
        if value is None or value in ("NaN", "nan", "inf", "Infinity", "-inf", "-Infinity"):
            numbers.append(math.nan)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            numbers.append(float(value))
        else:
            raise GridError(f"{where}[{place}] = {value!r}; numbers and null are wanted")
    return numbers


def _is_score(key: str) -> bool:
    return is_score(key.replace("_", "-"))


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an empty list", str: "a text", type(None): "nothing"}
    return names.get(type(value), "a number")

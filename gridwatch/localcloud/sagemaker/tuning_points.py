"""Points for tuning jobs: random search with a seed, whatever the strategy; the strategy Grid walks its categories."""

import math
import random
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from gridwatch.localcloud.sagemaker.errors import validation_error

_MAGNITUDES = 100.0  # from here on Auto takes the logarithmic scale
_TRIES = 1_000  # in a row that brought nothing new: the ranges have no more points


def points(strategy: str, ranges: Mapping[str, Any], seed: int) -> Iterator[dict[str, str]]:
    """Each point once, as texts that a training job gets; it ends when the ranges have no more."""
    if strategy == "Grid":
        categories = ranges.get("CategoricalParameterRanges", [])
        names = [each["Name"] for each in categories]
        for values in product(*(each["Values"] for each in categories)):
            yield dict(zip(names, values, strict=True))
        return
    chance = random.Random(seed)  # noqa: S311  a search, no secret
    seen: set[tuple[str, ...]] = set()
    tries = 0
    while tries < _TRIES:
        point = _drawn(ranges, chance)
        tries += 1
        if tuple(point.values()) not in seen:
            seen.add(tuple(point.values()))
            tries = 0
            yield point


def check_ranges(ranges: Mapping[str, Any], strategy: str) -> None:
    """Check the ranges. Raises ServiceError for those that AWS refuses."""
    numbers = [*ranges.get("ContinuousParameterRanges", []), *ranges.get("IntegerParameterRanges", [])]
    for each in numbers:
        low, high = float(each["MinValue"]), float(each["MaxValue"])
        if low > high:
            raise validation_error(f"The MinValue of {each['Name']} is greater than its MaxValue")
        if each.get("ScalingType") == "Logarithmic" and low <= 0:
            raise validation_error(f"Logarithmic scaling of {each['Name']} works only for values greater than 0")
        if each.get("ScalingType") == "ReverseLogarithmic" and not 0 <= low <= high < 1:
            raise validation_error(f"ReverseLogarithmic scaling of {each['Name']} works only within 0<=x<1.0")
    if strategy == "Grid" and numbers:
        raise validation_error("The Grid strategy takes categorical parameters only")
    if len(numbers) + len(ranges.get("CategoricalParameterRanges", [])) > 30:
        raise validation_error("A tuning job searches at most 30 hyperparameters")


def _drawn(ranges: Mapping[str, Any], chance: random.Random) -> dict[str, str]:
    point: dict[str, str] = {}
    for each in ranges.get("ContinuousParameterRanges", []):
        point[each["Name"]] = repr(_number(each, chance))
    for each in ranges.get("IntegerParameterRanges", []):
        low, high = int(each["MinValue"]), int(each["MaxValue"])
        spread = {**each, "MinValue": low, "MaxValue": high + 1}
        point[each["Name"]] = str(min(high, math.floor(_number(spread, chance))))
    for each in ranges.get("CategoricalParameterRanges", []):
        point[each["Name"]] = chance.choice(each["Values"])
    return point


def _number(given: Mapping[str, Any], chance: random.Random) -> float:
    low, high = float(given["MinValue"]), float(given["MaxValue"])
    scale = given.get("ScalingType", "Auto")
    if scale == "Auto":
        scale = "Logarithmic" if low > 0 and high / low >= _MAGNITUDES else "Linear"
    if scale == "Logarithmic":
        return math.exp(chance.uniform(math.log(low), math.log(high)))
    if scale == "ReverseLogarithmic":
        return 1 - math.exp(chance.uniform(math.log(1 - high), math.log(1 - low)))
    return chance.uniform(low, high)

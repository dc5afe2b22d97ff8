"""The names by which Search finds and sorts: which property of a record each stands for, and of which kind.

A name that stands for nothing is refused: on AWS it is too, and here it would otherwise find nothing, or leave the
order as it is, without a word. Names are those of the service's model. `Metrics.` and `Parameters.`, and the statistics
of a metric, may begin with a small letter, as AWS's own notebooks write them.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from gridwatch.localcloud.sagemaker.errors import ServiceError, validation_error
from gridwatch.localcloud.sagemaker.validation import service_model

Record = Mapping[str, Any]
STATISTICS = ("Avg", "Count", "Last", "Max", "Min", "StdDev")
_SHAPES = {
    "TrainingJob": "TrainingJob",
    "Experiment": "Experiment",
    "ExperimentTrial": "Trial",
    "ExperimentTrialComponent": "TrialComponent",
}
_LOWER = {"metrics": "Metrics", "parameters": "Parameters"}


class Kind(Enum):
    TEXT = "text"
    NUMBER = "number"
    TIME = "time"
    FLAG = "flag"
    EITHER = "text or number"  # hyperparameters and parameters
    GROUP = "group"  # has parts of its own


_SCALARS = {"timestamp": Kind.TIME, "boolean": Kind.FLAG, "string": Kind.TEXT}


@dataclass(frozen=True, slots=True)
class Property:
    """A record's property. `read` returns all of a record's values of it, several where the path leads through
    lists.
    """

    name: str
    kind: Kind
    read: Callable[[Any], list[Any]]
    metric: str | None = None  # the name of the metric with its statistic, where it is one


def find_property(resource: str, name: str) -> Property:
    """The property of that name. Raises ValidationException for a name that stands for nothing."""
    first, dot, rest = name.partition(".")
    known = f"{_LOWER.get(first, first)}{dot}{rest}"
    shape = service_model("sagemaker").shape_for(_SHAPES[resource])
    if known.startswith("Metrics.") and resource in ("TrainingJob", "ExperimentTrialComponent"):
        return _metric(resource, name, rest)
    found = _within(shape, known, name)
    if found is None:
        raise _unknown(resource, name, shape)
    return found


def nested_property(resource: str, nested: str, name: str) -> Property:
    """The property of a list's elements. Raises ValidationException for one that they do not have."""
    shape = service_model("sagemaker").shape_for(_SHAPES[resource])
    elements = shape.members.get(nested) if isinstance(shape, StructureShape) else None
    if not isinstance(elements, ListShape):
        raise validation_error(f"NestedPropertyName '{nested}' is no list of {resource}")
    if not name.startswith(f"{nested}."):
        raise validation_error(f"The filter's name '{name}' must begin with its NestedPropertyName, '{nested}.'")
    found = _within(elements.member, name.removeprefix(f"{nested}."), name)
    if found is None:
        raise _unknown(resource, name, elements.member)
    return found


def check_metric(wanted: Property, records: Sequence[Record]) -> None:
    """Check a metric's name. Raises ValidationException for a statistic that metrics do not have
    (`Metrics.loss.Median`).
    """
    if wanted.metric is None:
        return
    names = {str(metric["MetricName"]) for record in records for metric in _metrics(record)}
    metric, dot, statistic = wanted.metric.rpartition(".")
    if dot and wanted.metric not in names and metric in names and not _statistic(statistic):
        raise validation_error(
            f"Unknown property '{wanted.name}': of the metric '{metric}' there are {', '.join(STATISTICS)}"
        )


def _metric(resource: str, name: str, rest: str) -> Property:
    """The property of a metric: `Metrics.<name>` is the last value, `Metrics.<name>.Max` and the like one statistic."""

    def read(record: Record) -> list[Any]:
        for metric in _metrics(record):
            if metric["MetricName"] == rest:
                return [metric.get("Last", metric.get("Value"))]
        wanted, _, ending = rest.rpartition(".")
        statistic = _statistic(ending)
        if statistic is None or resource == "TrainingJob":
            return []
        return [each[statistic] for each in _metrics(record) if each["MetricName"] == wanted and statistic in each]

    return Property(name, Kind.NUMBER, read, rest)


def _metrics(record: Record) -> Sequence[Record]:
    found: Sequence[Record] = record.get("Metrics", record.get("FinalMetricDataList", ()))
    return found


def _statistic(text: str) -> str | None:
    return next((each for each in STATISTICS if each.lower() == text.lower()), None)


def _within(shape: Shape, rest: str, name: str) -> Property | None:
    """The property under a dotted name below something of that shape; keys of maps and tags may hold dots."""
    if isinstance(shape, ListShape):
        if shape.name == "TagList" and rest:
            return Property(name, Kind.TEXT, _tagged(_plain(rest)))
        inner = _within(shape.member, rest, name)
        return _through(inner, lambda elements: elements if isinstance(elements, Sequence) else ())
    if not rest:
        return Property(name, _SCALARS.get(shape.type_name, _number_or_group(shape)), _leaves)
    if isinstance(shape, MapShape):
        return _entry(shape, rest, name)
    if isinstance(shape, StructureShape):
        for member, inner_shape in shape.members.items():
            if rest == member or rest.startswith(f"{member}."):
                inner = _within(inner_shape, rest[len(member) + 1 :], name)
                return _through(inner, _member(member))
    return None


def _member(name: str) -> Callable[[Any], Sequence[Any]]:
    return lambda record: [record[name]] if name in record else []


def _tagged(key: str) -> Callable[[Any], list[Any]]:
    return lambda tags: [tag["Value"] for tag in tags if tag["Key"] == key]


def _number_or_group(shape: Shape) -> Kind:
    return Kind.GROUP if isinstance(shape, StructureShape | ListShape | MapShape) else Kind.NUMBER


def _entry(shape: MapShape, rest: str, name: str) -> Property:
    """The property of a map's entry; for a trial component's parameters and artifacts also one of its members."""
    members = list(shape.value.members) if isinstance(shape.value, StructureShape) else []
    wanted, _, member = rest.rpartition(".")
    chosen = member if wanted and member in members else None
    key = _plain(wanted if chosen else rest)

    def read(entries: Any) -> list[Any]:
        if not isinstance(entries, Mapping) or key not in entries:
            return []
        value = entries[key]
        return _leaves(value) if chosen is None else [value[chosen]] if chosen in value else []

    return Property(name, Kind.EITHER, read)


def _through(inner: Property | None, step: Callable[[Any], Sequence[Any]]) -> Property | None:
    """The property at the end of one more step."""
    if inner is None:
        return None

    def read(record: Any) -> list[Any]:
        return [value for each in step(record) for value in inner.read(each)]

    return Property(inner.name, inner.kind, read, inner.metric)


def _plain(key: str) -> str:
    return key.strip('"')


def _leaves(found: Any) -> list[Any]:
    if isinstance(found, list):
        return [value for element in found for value in _leaves(element)]
    if isinstance(found, Mapping):
        # A trial component's parameter or artifact: {"NumberValue": 0.2}, {"Value": "s3://..."}.
        names = ("NumberValue", "StringValue", "Value", "PrimaryStatus", "SourceArn")
        return [found[name] for name in names if name in found]
    return [found]


def _unknown(resource: str, name: str, shape: Shape) -> ServiceError:
    known = list(shape.members) if isinstance(shape, StructureShape) else []
    near = difflib.get_close_matches(name.partition(".")[0], known, 1, 0.5)
    advice = f"; did you mean {near[0]}?" if near else ""
    return validation_error(f"Unknown property name: '{name}' is no property of {resource}{advice}")

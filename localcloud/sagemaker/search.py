"""Search: filters over records in the shape of the API."""

import operator as operator_module
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from localcloud.sagemaker.errors import validation_error
from localcloud.sagemaker.paging import ordered, page

Record = Mapping[str, Any]
_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "Equals": operator_module.eq,
    "GreaterThan": operator_module.gt,
    "GreaterThanOrEqualTo": operator_module.ge,
    "LessThan": operator_module.lt,
    "LessThanOrEqualTo": operator_module.le,
}


def search(records: Sequence[Record], request: Mapping[str, Any]) -> tuple[list[Record], dict[str, str]]:
    """The page of ``records`` that match the request's SearchExpression, newest first unless asked otherwise."""
    expression = request.get("SearchExpression")
    found = [record for record in records if expression is None or _matches(record, expression)]
    key = request.get("SortBy", "LastModifiedTime")
    descending = request.get("SortOrder", "Descending") == "Descending"
    return page(ordered(found, lambda record: _first(record, key), descending), request)


def _matches(record: Record, expression: Mapping[str, Any]) -> bool:
    results = [_filter_matches(record, item) for item in expression.get("Filters", [])]
    results += [_nested_matches(record, nested) for nested in expression.get("NestedFilters", [])]
    results += [_matches(record, inner) for inner in expression.get("SubExpressions", [])]
    if not results:
        return True
    return any(results) if expression.get("Operator") == "Or" else all(results)


def _nested_matches(record: Record, nested: Mapping[str, Any]) -> bool:
    """One element of the list must satisfy every filter; their names repeat the list's name."""
    name = nested["NestedPropertyName"]
    inner = [{**item, "Name": item["Name"].removeprefix(f"{name}.")} for item in nested["Filters"]]
    elements = record.get(name, [])
    return any(
        all(_filter_matches(element, item) for item in inner) for element in elements if isinstance(element, dict)
    )


def _filter_matches(record: Record, item: Mapping[str, Any]) -> bool:
    operator = item.get("Operator", "Equals")
    values = list(_values(record, item["Name"]))
    if operator == "Exists":
        return bool(values)
    if operator == "NotExists":
        return not values
    if "Value" not in item:
        raise validation_error(f"Filter on {item['Name']} with operator {operator} needs a value")
    wanted = item["Value"]
    if operator == "NotEquals":
        return not any(_compare(value, "Equals", wanted) for value in values)
    return any(_compare(value, operator, wanted) for value in values)


def _compare(value: Any, operator: str, wanted: str) -> bool:
    if operator == "Contains":
        return wanted in str(value)
    if operator == "In":
        return any(_compare(value, "Equals", choice.strip()) for choice in wanted.split(","))
    return bool(_COMPARISONS[operator](*_pair(value, wanted)))


def _pair(value: Any, wanted: str) -> tuple[Any, Any]:
    """Both as numbers where both are numbers, else as text. Times are numbers here and ISO 8601 in a filter."""
    try:
        return float(value), float(wanted)
    except (TypeError, ValueError):
        pass
    if isinstance(value, float):
        return value, _epoch(wanted)
    return str(value), wanted


def _epoch(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise validation_error(f"{text!r} is neither a number nor a time") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _first(record: Record, name: str) -> Any:
    return next(iter(_values(record, name)), None)


def _values(record: Any, name: str) -> list[Any]:
    """All values under a dotted name: through dictionaries (keys may hold dots), lists, tags, metrics, parameters."""
    if isinstance(record, list):
        return [value for element in record for value in _values(element, name)]
    if not isinstance(record, Mapping):
        return []
    if name in record:
        found = record[name]
        return _leaves(found)
    values: list[Any] = []
    for key in record:
        if name.startswith(f"{key}."):
            rest = name[len(key) + 1 :].strip('"')
            values += _named(key, record[key], rest)
    return values


def _named(key: str, value: Any, rest: str) -> list[Any]:
    if key == "Tags":
        return [tag["Value"] for tag in value if tag["Key"] == rest]
    if key in ("Metrics", "FinalMetricDataList"):
        return _metric_values(value, rest)
    return _values(value, rest)


def _metric_values(metrics: Sequence[Record], rest: str) -> list[Any]:
    """``Metrics.<name>`` is the last value, ``Metrics.<name>.Max`` and the like one statistic."""
    for metric in metrics:
        if metric["MetricName"] == rest:
            return [metric.get("Last", metric.get("Value"))]
        statistic = rest.removeprefix(f"{metric['MetricName']}.")
        if statistic in metric:
            return [metric[statistic]]
    return []


def _leaves(found: Any) -> list[Any]:
    if isinstance(found, list):
        return [value for element in found for value in _leaves(element)]
    if isinstance(found, Mapping):
        # A trial component's parameter or artifact: {"NumberValue": 0.2}, {"Value": "s3://..."}.
        return [
            found[name]
            for name in ("NumberValue", "StringValue", "Value", "PrimaryStatus", "SourceArn")
            if name in found
        ]
    return [found]

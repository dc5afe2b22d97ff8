"""Search: filters over records in the shape of the API. What is asked for is done or refused, never passed over."""

import operator as operator_module
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gridwatch.localcloud.sagemaker.errors import validation_error
from gridwatch.localcloud.sagemaker.paging import ordered, page
from gridwatch.localcloud.sagemaker.search_properties import (
    Kind,
    Property,
    Record,
    check_metric,
    find_property,
    nested_property,
)

_ORDERINGS: Mapping[str, Callable[[Any, Any], Any]] = {
    "GreaterThan": operator_module.gt,
    "GreaterThanOrEqualTo": operator_module.ge,
    "LessThan": operator_module.lt,
    "LessThanOrEqualTo": operator_module.le,
}
_OF_TEXT = ("In", "Contains")
_MOST_CONDITIONS = 50
# Whose names Contains may be asked of more than once in one expression.
_OFTEN = frozenset({
    "DisplayName", "ExperimentName", "TrialName", "TrialComponentName", "InputArtifacts", "OutputArtifacts", "Tags",
})  # fmt: skip
_TRUTH = {"true": True, "false": False}
Condition = Callable[[Record], bool]


def search(resource: str, records: Sequence[Record], request: Mapping[str, Any]) -> tuple[list[Record], dict[str, str]]:
    """The page of those ``records`` that match the request's SearchExpression, newest first unless asked otherwise.
    Raises ValidationException for whatever cannot be done as it is asked.
    """
    if request.get("CrossAccountFilterOption") == "CrossAccount":
        raise validation_error("The local cloud has one account: no resources of others can be found")
    expression = request.get("SearchExpression")
    reading = _Reading(resource, records)
    matches: Condition = (lambda _: True) if expression is None else reading.expression(expression)
    is_visible = _visible(request.get("VisibilityConditions", ()))
    sorted_by = reading.property(request.get("SortBy", "LastModifiedTime"))
    if sorted_by.kind is Kind.GROUP:
        raise validation_error(f"SortBy: {sorted_by.name} has parts of its own; results are sorted by one value")
    found = [record for record in records if matches(record) and is_visible(record)]
    descending = request.get("SortOrder", "Descending") == "Descending"
    return page(ordered(found, lambda record: next(iter(sorted_by.read(record)), None), descending), request)


class _Reading:
    """Reads an expression's conditions, and counts them."""

    def __init__(self, resource: str, records: Sequence[Record]) -> None:
        self._resource = resource
        self._records = records
        self._count = 0
        self._contains = 0

    def property(self, name: str) -> Property:
        found = find_property(self._resource, name)
        check_metric(found, self._records)
        return found

    def expression(self, expression: Mapping[str, Any]) -> Condition:
        conditions = list(self._conditions(expression))
        if not conditions:
            raise validation_error("A SearchExpression needs at least one subexpression, filter, or nested filter")
        combine = any if expression.get("Operator") == "Or" else all
        return lambda record: combine(condition(record) for condition in conditions)

    def _conditions(self, expression: Mapping[str, Any]) -> Iterator[Condition]:
        for item in expression.get("Filters", ()):
            yield self._filter(self.property(item["Name"]), item)
        for nested in expression.get("NestedFilters", ()):
            yield self._nested(nested)
        for inner in expression.get("SubExpressions", ()):
            self._counted()
            yield self.expression(inner)

    def _nested(self, nested: Mapping[str, Any]) -> Condition:
        """A condition on nested lists: one element must satisfy every filter; their names repeat the list's name."""
        name = nested["NestedPropertyName"]
        self._counted()
        inner = [self._filter(nested_property(self._resource, name, each["Name"]), each) for each in nested["Filters"]]
        return lambda record: any(all(matches(element) for matches in inner) for element in record.get(name, ()))

    def _filter(self, wanted: Property, item: Mapping[str, Any]) -> Condition:
        self._counted()
        operator = item.get("Operator", "Equals")
        _check(wanted, operator, item.get("Value"))
        if operator == "Contains" and wanted.name.partition(".")[0] not in _OFTEN:
            self._contains += 1
            if self._contains > 1:
                raise validation_error("'CONTAINS' operator usage limit of 1 exceeded.")
        if operator == "Exists":
            return lambda record: bool(wanted.read(record))
        if operator == "NotExists":
            return lambda record: not wanted.read(record)
        value = str(item["Value"])
        if operator == "NotEquals":
            return lambda record: not any(_compare(wanted, each, "Equals", value) for each in wanted.read(record))
        return lambda record: any(_compare(wanted, each, operator, value) for each in wanted.read(record))

    def _counted(self) -> None:
        self._count += 1
        if self._count > _MOST_CONDITIONS:
            raise validation_error(f"A SearchExpression holds {_MOST_CONDITIONS} conditions at most")


def _check(wanted: Property, operator: str, value: str | None) -> None:
    """Check whether the operator suits such a property and such a value (API reference, Filter)."""
    if operator in ("Exists", "NotExists"):
        if value is not None:
            raise validation_error(f"Filter on {wanted.name}: {operator} takes no Value")
        return
    if value is None:
        raise validation_error(f"Filter on {wanted.name} with operator {operator} needs a Value")
    if operator in _OF_TEXT and wanted.kind not in (Kind.TEXT, Kind.EITHER, Kind.GROUP):
        raise validation_error(f"Filter on {wanted.name}: {operator} is for text, and this is a {wanted.kind.value}")
    if operator in _ORDERINGS and wanted.kind in (Kind.TEXT, Kind.FLAG, Kind.GROUP):
        raise validation_error(f"Filter on {wanted.name}: {operator} is not supported for text properties")
    if wanted.kind is Kind.TIME:
        _epoch(wanted.name, value)
    elif wanted.kind is Kind.FLAG and value.lower() not in _TRUTH:
        raise validation_error(f"Filter on {wanted.name}: the Value is true or false, not {value!r}")
    elif (wanted.kind is Kind.NUMBER or operator in _ORDERINGS) and _number(value) is None:
        raise validation_error(f"Filter on {wanted.name}: {value!r} is no number")


def _compare(wanted: Property, value: Any, operator: str, text: str) -> bool:
    if operator == "Contains":
        return text in str(value)
    if operator == "In":
        return any(_compare(wanted, value, "Equals", choice.strip()) for choice in text.split(","))
    if wanted.kind is Kind.FLAG:
        return bool(value) is _TRUTH[text.lower()]
    if wanted.kind is Kind.TIME:
        return _in_order(float(value), operator, _epoch(wanted.name, text))
    given, asked = _number(value), _number(text)
    if wanted.kind is Kind.TEXT or given is None or asked is None:
        return operator == "Equals" and str(value) == text
    if wanted.name.startswith("HyperParameters.") and _is_whole(text):
        given = float(int(given))  # decimal hyperparameters are treated as integers where the value is one
    return _in_order(given, operator, asked)


def _in_order(value: float, operator: str, asked: float) -> bool:
    return bool(value == asked if operator == "Equals" else _ORDERINGS[operator](value, asked))


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def _is_whole(text: str) -> bool:
    return text.strip().lstrip("+-").isdigit()


def _epoch(name: str, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise validation_error(f"Filter on {name}: {text!r} is no time, such as 2026-11-29T20:00:00") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _visible(conditions: Sequence[Mapping[str, Any]]) -> Condition:
    """Whether a record is visible: it has none of the tags, or has them with the given values."""
    wanted = {each["Key"].removeprefix("Tags."): each.get("Value") for each in conditions}
    return lambda record: all(
        tag["Value"] == wanted[tag["Key"]] for tag in record.get("Tags", ()) if tag["Key"] in wanted
    )

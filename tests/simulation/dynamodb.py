"""DynamoDB in memory, as far as Gridwatch and Powertools use it: conditions, transactions, an index that lags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.fakes.state_schema import INDEXES
from tests.simulation.errors import refused
from tests.simulation.stage import Stage

Item = dict[str, Any]
Key = tuple[str, ...]
_TOKEN = re.compile(r"\s*(<=|>=|<>|[()=<>,]|[#:\w]+)")
INDEX_LAG = 0.5
PAGE = 50  # items of a query's answer


class Condition:
    """An expression of comparisons, attribute_exists, attribute_not_exists and begins_with, with AND, OR, NOT."""

    def __init__(self, expression: str, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
        self._tokens = _TOKEN.findall(expression)
        self._names, self._values = names, values

    def holds(self, item: Item | None) -> bool:
        self._at, self._item = 0, item or {}
        found = self._any()
        assert self._at == len(self._tokens), f"not understood: {self._tokens[self._at :]}"
        return found

    def _any(self) -> bool:
        found = self._all()
        while self._takes("OR"):
            found = self._all() or found
        return found

    def _all(self) -> bool:
        found = self._one()
        while self._takes("AND"):
            found = self._one() and found
        return found

    def _one(self) -> bool:
        if self._takes("NOT"):
            return not self._one()
        if self._takes("("):
            found = self._any()
            assert self._takes(")")
            return found
        word = self._next()
        if word in ("attribute_exists", "attribute_not_exists", "begins_with"):
            return self._function(word)
        left, relation, right = self._value(word), self._next(), self._value(self._next())
        return left is not None and right is not None and _compared(left, relation, right)

    def _function(self, name: str) -> bool:
        assert self._takes("(")
        found = self._value(self._next())
        if name == "begins_with":
            assert self._takes(",")
            start = self._value(self._next())
            assert self._takes(")")
            return found is not None and str(found["S"]).startswith(start["S"])
        assert self._takes(")")
        return (found is not None) == (name == "attribute_exists")

    def _value(self, word: str) -> Any:
        return self._values[word] if word.startswith(":") else self._item.get(self._names.get(word, word))

    def _takes(self, word: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == word:
            self._at += 1
            return True
        return False

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]


def _compared(left: Mapping[str, str], relation: str, right: Mapping[str, str]) -> bool:
    ((kind, one),), ((other_kind, other),) = left.items(), right.items()
    if kind != other_kind:
        return relation == "<>"
    a, b = (float(one), float(other)) if kind == "N" else (one, other)
    return {"=": a == b, "<>": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[relation]


class DynamoDB:
    """`tables` by name: items by their key. `index_lag`: seconds at most until an index shows a write."""

    def __init__(self, stage: Stage, index_lag: float = INDEX_LAG) -> None:
        self._lag = index_lag
        self.tables: dict[str, dict[Key, Item]] = {}
        self.indexed: dict[str, dict[Key, Item]] = {}  # as the index shows them
        self._stage = stage
        self._due: dict[tuple[str, Key], float] = {}

    def get_item(self, *, TableName: str, Key: Item, **_: Any) -> dict[str, Any]:
        item = self._table(TableName).get(_key(Key))
        return {"Item": dict(item)} if item is not None else {}

    def batch_get_item(self, *, RequestItems: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        found = {
            name: [dict(item) for key in asked["Keys"] if (item := self._table(name).get(_key(key))) is not None]
            for name, asked in RequestItems.items()
        }
        return {"Responses": found, "UnprocessedKeys": {}}

    def put_item(self, *, TableName: str, Item: Item, **request: Any) -> dict[str, Any]:
        self._check(TableName, _key(Item), request)
        former = self._table(TableName).get(_key(Item))
        self._write(TableName, _key(Item), dict(Item))
        return {"Attributes": dict(former)} if former and request.get("ReturnValues") == "ALL_OLD" else {}

    def delete_item(self, *, TableName: str, Key: Item) -> dict[str, Any]:
        self._table(TableName).pop(_key(Key), None)
        return {}

    def update_item(self, *, TableName: str, Key: Item, UpdateExpression: str, **request: Any) -> dict[str, Any]:
        self._check(TableName, _key(Key), request)
        item = dict(self._table(TableName).get(_key(Key), Key))
        verb, _, rest = UpdateExpression.partition(" ")
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        for part in map(str.strip, rest.split(",")):
            if verb == "REMOVE":
                item.pop(names.get(part, part), None)
            else:
                assert verb == "SET", UpdateExpression
                name, _, value = part.partition(" = ")
                item[names.get(name, name)] = values[value]
        self._write(TableName, _key(Key), item)
        return {}

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> dict[str, Any]:
        puts = [each["Put"] for each in TransactItems]
        held = [self._holds(put["TableName"], _key(put["Item"]), put) for put in puts]
        if not all(held):
            reasons = [{"Code": "None" if each else "ConditionalCheckFailed"} for each in held]
            raise refused("TransactionCanceledException", "transaction cancelled", CancellationReasons=reasons)
        for put in puts:
            self._write(put["TableName"], _key(put["Item"]), dict(put["Item"]))
        return {}

    def query(self, *, TableName: str, KeyConditionExpression: str, **request: Any) -> dict[str, Any]:
        condition = Condition(KeyConditionExpression, {}, request["ExpressionAttributeValues"])
        index = "IndexName" in request
        self._table(TableName)
        found = (self.indexed if index else self.tables)[TableName]
        order = INDEXES[request["IndexName"]][1] if index else "sk"
        items = [item for item in found.values() if condition.holds(item)]
        items.sort(key=lambda item: (item[order]["S"], item["pk"]["S"], item["sk"]["S"]))
        if not request.get("ScanIndexForward", True):
            items.reverse()
        start = int(request.get("ExclusiveStartKey", {}).get("at", {}).get("N", 0))
        end = start + min(request.get("Limit", PAGE), PAGE)
        answer: dict[str, Any] = {"Items": [dict(item) for item in items[start:end]]}
        return answer | ({"LastEvaluatedKey": {"at": {"N": str(end)}}} if end < len(items) else {})

    def _table(self, name: str) -> dict[Key, Item]:
        self.indexed.setdefault(name, {})
        return self.tables.setdefault(name, {})

    def _write(self, table: str, key: Key, item: Item) -> None:
        self._table(table)[key] = item
        if not self._lag:
            self.indexed[table][key] = item
            return
        lag = self._stage.chance.uniform(0, self._lag)
        # What was written later is never shown earlier.
        due = self._due[table, key] = max(self._due.get((table, key), 0.0), self._stage.now + lag)
        self._stage.after(due - self._stage.now, lambda: self.indexed[table].__setitem__(key, item))

    def _holds(self, table: str, key: Key, request: Mapping[str, Any]) -> bool:
        expression = request.get("ConditionExpression")
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        return expression is None or Condition(expression, names, values).holds(self._table(table).get(key))

    def _check(self, table: str, key: Key, request: Mapping[str, Any]) -> None:
        if not self._holds(table, key, request):
            old = {"Item": dict(self._table(table)[key])} if "ReturnValuesOnConditionCheckFailure" in request else {}
            raise refused("ConditionalCheckFailedException", "the conditional request failed", **old)


def _key(item: Item) -> Key:
    return tuple(item[name]["S"] for name in ("pk", "sk", "id") if name in item)

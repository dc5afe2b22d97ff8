"""A DynamoDB table that counts: requests by operation, bytes and capacity units, under DynamoDB's own limits.

Answers end at 1 MB, items at 400 kB, batches at 100 keys and 16 MB, transactions at 100 items and 4 MB. Units are those
of on-demand tables (AWS: "DynamoDB read and write operations"): 4 kB a read unit, half of one where a read is
eventually consistent; 1 kB a write unit, again for every index that has the item, twice in transactions.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.state_schema import INDEXES
from tests.simulation.dynamodb import Condition, Item
from tests.simulation.errors import refused

PAGE = 1024 * 1024
LARGEST_ITEM = 400 * 1024
LARGEST_BATCH = 16 * 1024 * 1024
LARGEST_TRANSACTION = 4 * 1024 * 1024
KEYS_AT_ONCE = 100

Key = tuple[str, str]
_WHOLE: Mapping[str, tuple[str, str]] = {"": ("pk", "sk"), **INDEXES}


@dataclass(slots=True)
class Count:
    """The requests to the table since the count began."""

    requests: Counter[str] = field(default_factory=Counter)
    read_units: float = 0.0
    write_units: float = 0.0
    read_bytes: int = 0
    conflicts: int = 0

    @property
    def total(self) -> int:
        return self.requests.total()

    @property
    def megabytes(self) -> float:
        return self.read_bytes / PAGE


class CountingTable:
    """Takes boto3's calls as `gridwatch.aws.table` makes them. `count` is public; `start` begins it anew.

    `indexes`: those of the table, all that a deployment has unless it is a former one.
    """

    def __init__(self, indexes: Iterable[str] = tuple(INDEXES)) -> None:
        self._indexes = {"", *indexes}
        self.count = Count()
        self.items: dict[Key, Item] = {}
        self._sizes: dict[Key, int] = {}
        # By index and partition: the sort keys in order, each with the key of its item.
        self._order: dict[str, dict[str, list[tuple[str, Key]]]] = {name: defaultdict(list) for name in _WHOLE}

    def remove(self, key: Key) -> None:
        """Take an item away, as a person's hand does."""
        item = self.items.pop(key)
        self._sizes.pop(key)
        for name, (partition, sort) in _WHOLE.items():
            if partition in item:
                self._order[name][item[partition]["S"]].remove((item[sort]["S"], key))

    def start(self) -> Count:
        self.count = Count()
        return self.count

    def get_item(self, *, TableName: str, Key: Item, ConsistentRead: bool = False) -> dict[str, Any]:
        self._ask("GetItem")
        key = _key(Key)
        self._read(self._sizes.get(key, 0), consistent=ConsistentRead)
        return {"Item": dict(self.items[key])} if key in self.items else {}

    def batch_get_item(self, *, RequestItems: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        self._ask("BatchGetItem")
        ((name, asked),) = RequestItems.items()
        keys = [_key(each) for each in asked["Keys"]]
        if not 0 < len(keys) <= KEYS_AT_ONCE or len(set(keys)) < len(keys):
            raise refused("ValidationException", f"{len(keys)} keys, of which {len(set(keys))} differ")
        found: list[Item] = []
        size = 0
        for number, key in enumerate(keys):
            if size + self._sizes.get(key, 0) > LARGEST_BATCH:
                rest = {name: {**asked, "Keys": asked["Keys"][number:]}}
                return {"Responses": {name: found}, "UnprocessedKeys": rest}
            size += self._sizes.get(key, 0)
            self._read(self._sizes.get(key, 0), consistent=asked.get("ConsistentRead", False))
            found += [dict(self.items[key])] if key in self.items else []
        return {"Responses": {name: found}, "UnprocessedKeys": {}}

    def put_item(self, *, TableName: str, Item: Item, **request: Any) -> dict[str, Any]:
        self._ask("PutItem")
        former = self.items.get(_key(Item))
        self._check(_key(Item), request)
        self._write(dict(Item))
        return {"Attributes": dict(former)} if former and request.get("ReturnValues") == "ALL_OLD" else {}

    def update_item(self, *, TableName: str, Key: Item, UpdateExpression: str, **request: Any) -> dict[str, Any]:
        self._ask("UpdateItem")
        self._check(_key(Key), request)
        verb, _, rest = UpdateExpression.partition(" ")
        assert verb == "REMOVE", UpdateExpression
        gone = {name.strip() for name in rest.split(",")}
        self._write({name: value for name, value in self.items[_key(Key)].items() if name not in gone})
        return {}

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> dict[str, Any]:
        self._ask("TransactWriteItems")
        puts = [each["Put"] for each in TransactItems]
        size = sum(_size(put["Item"]) for put in puts)
        if len(puts) > KEYS_AT_ONCE or size > LARGEST_TRANSACTION:
            raise refused("ValidationException", f"{len(puts)} items of {size} bytes in one transaction")
        held = [self._holds(_key(put["Item"]), put) for put in puts]
        if not all(held):
            self.count.conflicts += 1
            reasons = [{"Code": "None" if each else "ConditionalCheckFailed"} for each in held]
            raise refused("TransactionCanceledException", "transaction cancelled", CancellationReasons=reasons)
        for put in puts:
            self._write(dict(put["Item"]), times=2)
        return {}

    def query(self, *, TableName: str, KeyConditionExpression: str, **request: Any) -> dict[str, Any]:
        self._ask("Query")
        name = request.get("IndexName", "")
        if name not in self._indexes:
            raise refused("ValidationException", f"The table does not have the specified index: {name}")
        values = request["ExpressionAttributeValues"]
        condition = Condition(KeyConditionExpression, {}, values)
        order = self._order[name][values[":pk"]["S"]]
        consistent = request.get("ConsistentRead", False)
        assert not (name and consistent), "an index has no consistent reads"
        answer: dict[str, Any] = {"Items": []}
        size, last = 0, None
        for place in self._behind(order, values, request):
            key = place[1]
            if not condition.holds(self.items[key]):
                continue
            if last and (size + self._sizes[key] > PAGE or len(answer["Items"]) == request.get("Limit")):
                answer["LastEvaluatedKey"] = {"at": {"S": "\0".join((last[0], *last[1]))}}
                break
            size += self._sizes[key]
            answer["Items"].append(dict(self.items[key]))
            last = place
        self._read(size, consistent=consistent)
        return answer

    def _behind(
        self, order: list[tuple[str, Key]], values: Mapping[str, Any], request: Mapping[str, Any]
    ) -> Iterable[tuple[str, Key]]:
        """The places from which the answer is taken: none before the first that can be meant."""
        begin, end = 0, len(order)
        low = values.get(":sk", values.get(":after"))
        if low is not None:
            begin = bisect_left(order, (low["S"], ("", "")))
        forward = request.get("ScanIndexForward", True)
        if "ExclusiveStartKey" in request:
            sort, pk, sk = request["ExclusiveStartKey"]["at"]["S"].split("\0")
            seen = (sort, (pk, sk))
            begin, end = (bisect_right(order, seen), end) if forward else (begin, bisect_left(order, seen))
        return _walk(order, begin, end) if forward else (order[at] for at in range(end - 1, begin - 1, -1))

    def _ask(self, operation: str) -> None:
        self.count.requests[operation] += 1

    def _read(self, size: int, *, consistent: bool) -> None:
        self.count.read_bytes += size
        self.count.read_units += max(1, math.ceil(size / 4096)) * (1.0 if consistent else 0.5)

    def _holds(self, key: Key, request: Mapping[str, Any]) -> bool:
        expression = request.get("ConditionExpression")
        values = request.get("ExpressionAttributeValues", {})
        return not expression or Condition(expression, {}, values).holds(self.items.get(key))

    def _check(self, key: Key, request: Mapping[str, Any]) -> None:
        if not self._holds(key, request):
            self.count.write_units += 1
            self.count.conflicts += 1
            raise refused("ConditionalCheckFailedException", "the conditional request failed")

    def _write(self, item: Item, times: int = 1) -> None:
        key, size = _key(item), _size(item)
        if size > LARGEST_ITEM:
            raise refused("ValidationException", f"item size {size} has exceeded the maximum allowed size")
        former = self.items.get(key)
        kilobytes = math.ceil(max(size, self._sizes.get(key, 0)) / 1024)
        touched = 1
        for name, (partition, sort) in _WHOLE.items():
            was = (former[partition]["S"], former[sort]["S"]) if former and partition in former else None
            now = (item[partition]["S"], item[sort]["S"]) if partition in item else None
            if name:
                touched += 2 if was and now and was != now else bool(was or now)
            if was == now:
                continue
            if was:
                places = self._order[name][was[0]]
                places.pop(bisect_left(places, (was[1], key)))
            if now:
                insort(self._order[name][now[0]], (now[1], key))
        self.items[key], self._sizes[key] = item, size
        self.count.write_units += kilobytes * touched * times


def _walk(order: list[tuple[str, Key]], begin: int, end: int) -> Iterator[tuple[str, Key]]:
    for at in range(begin, end):
        yield order[at]


def _key(item: Item) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


def _size(item: Item) -> int:
    return sum(
        len(name.encode()) + (len(value) if isinstance(value, bytes) else len(value.encode()))
        for name, kinds in item.items()
        for value in kinds.values()
    )

"""The state table's items: a key, what its one index sorts by, and the record as JSON.

Item: `pk`, `sk` (text, the table's key); `gsi1pk`, `gsi1sk` (text, only where the record is found by other things than
its key); `body` (the record as JSON; as gzip where that is long); `stamp` (text by which the writers of a record find
out that somebody else wrote).
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.failures import PermanentError

_INDEX = "gsi1"
_LONG = 16 * 1024  # an item may have 400 kB, and every kilobyte of it is paid for when written


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    pk: str
    sk: str
    body: str
    stamp: str
    index: tuple[str, str] | None = None


class TableItems:
    """Reads and writes items of one DynamoDB table. Raises gridwatch.failures errors."""

    def __init__(self, table: str, dynamodb: Any = None) -> None:
        self._table = table
        self._dynamodb = dynamodb

    def get(self, pk: str, sk: str) -> Item | None:
        """Strongly consistent."""
        with translated():
            answer = self._client.get_item(
                TableName=self._table, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True
            )
        return _item(answer["Item"]) if "Item" in answer else None

    def put(self, item: Item, *, condition: str | None = None, values: Mapping[str, str] | None = None) -> bool:
        """Replace the item; False when `condition` (an expression over text `values`) does not hold."""
        request: dict[str, Any] = {"TableName": self._table, "Item": _attributes(item)}
        if condition:
            request["ConditionExpression"] = condition
        if values:
            request["ExpressionAttributeValues"] = {key: {"S": value} for key, value in values.items()}
        try:
            with translated():
                self._client.put_item(**request)
        except PermanentError as error:
            if error.code == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def below(self, pk: str, prefix: str) -> Iterator[Item]:
        """The items of one partition whose `sk` begins with `prefix`, in order. Strongly consistent."""
        return self._query(
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": {"S": pk}, ":prefix": {"S": prefix}},
        )

    def indexed(self, pk: str, *, limit: int | None = None, newest_first: bool = False) -> Iterator[Item]:
        """The items of one partition of the index, in order. Eventually consistent."""
        request: dict[str, Any] = {
            "IndexName": _INDEX,
            "ScanIndexForward": not newest_first,
            "KeyConditionExpression": "gsi1pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": pk}},
        }
        return self._query(**request | ({"Limit": limit} if limit else {}))

    def _query(self, **request: Any) -> Iterator[Item]:
        while True:
            with translated():
                page = self._client.query(TableName=self._table, **request)
            yield from map(_item, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    @property
    def _client(self) -> Any:
        return self._dynamodb or client("dynamodb")


def _attributes(item: Item) -> dict[str, Any]:
    attributes: dict[str, Any] = {"pk": {"S": item.pk}, "sk": {"S": item.sk}, "stamp": {"S": item.stamp}}
    encoded = item.body.encode()
    attributes["body"] = {"S": item.body} if len(encoded) <= _LONG else {"B": gzip.compress(encoded, mtime=0)}
    if item.index:
        attributes |= {"gsi1pk": {"S": item.index[0]}, "gsi1sk": {"S": item.index[1]}}
    return attributes


def _item(attributes: Mapping[str, Any]) -> Item:
    body = attributes["body"]
    index = (attributes["gsi1pk"]["S"], attributes["gsi1sk"]["S"]) if "gsi1pk" in attributes else None
    return Item(
        pk=attributes["pk"]["S"],
        sk=attributes["sk"]["S"],
        body=body["S"] if "S" in body else gzip.decompress(body["B"]).decode(),
        stamp=attributes["stamp"]["S"],
        index=index,
    )

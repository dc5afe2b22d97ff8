"""One DynamoDB table of JSON documents: reading, writing under a condition, and areas of it page by page.

Items have the keys `pk` and `sk`, what conditions and the index `gsi1` (`gsi1pk`, `gsi1sk`) need as strings of their
own, and the record as one JSON text in `document`: numbers keep every bit, which DynamoDB's own would not, and no
nesting or empty value is refused. A text over 64 kB is kept compressed, in `packed`: DynamoDB takes 400 kB an item.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translate, translated
from gridwatch_rules.failures import PermanentError, ThrottledError

INDEX = "gsi1"
PACKED_OVER = 64 * 1024
# TransactWriteItems: 100 items and 4 MB; the request's own characters count too.
_ITEMS_AT_ONCE = 100
_BYTES_AT_ONCE = 3 * 1024 * 1024
_LARGEST_DOCUMENT = 64 * 1024 * 1024  # unpacked: a function has 1,024 MB
_REFUSED = "ConditionalCheckFailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item. `attributes` are the strings that conditions look at; `index` is its place in the index, if it has one.

    `flaw` says why a stored item has no document that can be read.
    """

    pk: str
    sk: str
    document: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    index: tuple[str, str] | None = None
    flaw: str | None = None


class DocumentTable:
    """A DynamoDB table of JSON documents. Raises gridwatch_rules.failures errors."""

    def __init__(self, name: str, dynamodb: Any = None) -> None:
        self._name = name
        self._dynamodb = dynamodb

    def get(self, pk: str, sk: str) -> Item | None:
        """The item with these keys, read strongly consistently."""
        with translated():
            answer = self._client.get_item(TableName=self._name, Key=_key(pk, sk), ConsistentRead=True)
        return _read(answer["Item"]) if "Item" in answer else None

    def put(self, item: Item, *, condition: str = "", values: Mapping[str, str] | None = None) -> bool:
        """Write an item; False when the stored one does not meet the condition and nothing was written."""
        return self._put(item, condition, values or {}) is not None

    def exchange(self, item: Item, *, condition: str, values: Mapping[str, str]) -> tuple[bool, Item | None]:
        """Write an item as `put` does, and return also the item that it replaced; None where there was none."""
        answer = self._put(item, condition, values, ReturnValues="ALL_OLD")
        if answer is None:
            return False, None
        return True, _read(answer["Attributes"]) if answer.get("Attributes") else None

    def _put(self, item: Item, condition: str, values: Mapping[str, str], **further: str) -> Mapping[str, Any] | None:
        """DynamoDB's answer to a put; None when the condition is not met."""
        request: dict[str, Any] = {"TableName": self._name, "Item": _written(item), **further}
        if condition:
            request["ConditionExpression"] = condition
        if values:
            request["ExpressionAttributeValues"] = {name: {"S": value} for name, value in values.items()}
        try:
            with translated():
                answer: Mapping[str, Any] = self._client.put_item(**request)
        except PermanentError as error:
            if error.code == "ConditionalCheckFailedException":
                return None
            raise
        return answer

    def unindex(self, pk: str, sk: str) -> None:
        """Take the item out of the index; nothing happens when there is no such item."""
        try:
            with translated():
                self._client.update_item(
                    TableName=self._name,
                    Key=_key(pk, sk),
                    UpdateExpression="REMOVE gsi1pk, gsi1sk",
                    ConditionExpression="attribute_exists(pk)",
                )
        except PermanentError as error:
            if error.code != "ConditionalCheckFailedException":
                raise

    def below(self, pk: str, sk_prefix: str) -> Iterator[Item]:
        """Every item of the partition whose `sk` has that prefix, by `sk`. Strongly consistent."""
        return self._query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={":pk": {"S": pk}, ":sk": {"S": sk_prefix}},
            ConsistentRead=True,
        )

    def after(self, pk: str, sk: str) -> Iterator[Item]:
        """Every item of the partition after `sk`, by `sk`. Strongly consistent."""
        return self._query(
            KeyConditionExpression="pk = :pk AND sk > :sk",
            ExpressionAttributeValues={":pk": {"S": pk}, ":sk": {"S": sk}},
            ConsistentRead=True,
        )

    def indexed(
        self, gsi1pk: str, *, newest_first: bool = False, limit: int | None = None, after: str | None = None
    ) -> Iterator[Item]:
        """The items at that place of the index, by `gsi1sk`, after `after`. Eventually consistent."""
        page = {} if limit is None else {"Limit": limit}
        behind = {} if after is None else {":after": {"S": after}}
        return self._query(
            IndexName=INDEX,
            KeyConditionExpression="gsi1pk = :pk" + (" AND gsi1sk > :after" if behind else ""),
            ExpressionAttributeValues={":pk": {"S": gsi1pk}} | behind,
            ScanIndexForward=not newest_first,
            **page,
        )

    def add_new(self, items: Sequence[Item]) -> int:
        """Put the items whose keys are free, leave the others as they are, and return how many were put.

        Transactions of up to 100 items are used, each item under its own condition: a batch write has no conditions and
        would replace what somebody else wrote meanwhile. Killed half-way and called again, it completes what is
        missing.
        """
        return sum(self._add_chunk(chunk) for chunk in _chunks([_written(item) for item in items]))

    def _add_chunk(self, written: list[dict[str, Any]]) -> int:
        while written:
            puts = [
                {"Put": {"TableName": self._name, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}
                for item in written
            ]
            try:
                self._client.transact_write_items(TransactItems=puts)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") != "TransactionCanceledException":
                    raise translate(error) from error
                fresh = _not_refused(written, error)
                if len(fresh) == len(written):  # nobody's condition failed: others write there at this moment
                    raise ThrottledError(str(error), code="TransactionCanceledException") from error
                written = fresh
            else:
                return len(written)
        return 0

    def _query(self, **request: Any) -> Iterator[Item]:
        request["TableName"] = self._name
        while True:
            with translated():
                page = self._client.query(**request)
            yield from map(_read, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    @property
    def _client(self) -> Any:
        return self._dynamodb or client("dynamodb")


def _not_refused(written: list[dict[str, Any]], error: ClientError) -> list[dict[str, Any]]:
    """The items whose own condition held in a cancelled transaction."""
    reasons = error.response.get("CancellationReasons", ())
    return [item for item, reason in zip(written, reasons, strict=True) if reason.get("Code") != _REFUSED]


def _chunks(written: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    size = 0
    for item in written:
        bytes_of_item = (
            sum(len(value) for each in item.values() for value in each.values()) * 2
        )  # UTF-8 and base64 grow
        if chunk and (len(chunk) == _ITEMS_AT_ONCE or size + bytes_of_item > _BYTES_AT_ONCE):
            yield chunk
            chunk, size = [], 0
        chunk.append(item)
        size += bytes_of_item
    if chunk:
        yield chunk


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _written(item: Item) -> dict[str, Any]:
    written = _key(item.pk, item.sk) | {name: {"S": value} for name, value in item.attributes.items()}
    if item.index is not None:
        written |= {"gsi1pk": {"S": item.index[0]}, "gsi1sk": {"S": item.index[1]}}
    encoded = item.document.encode()
    if len(encoded) > PACKED_OVER:
        return written | {"packed": {"B": zlib.compress(encoded)}}
    return written | {"document": {"S": item.document}}


_KEYS = frozenset({"pk", "sk", "gsi1pk", "gsi1sk", "document", "packed"})


def _read(stored: Mapping[str, Any]) -> Item:
    """An item as read. This never fails: an item in another form must not keep the rest of its query from being
    read.
    """
    document, flaw = _document(stored)
    texts = {name: value["S"] for name, value in stored.items() if "S" in value}
    return Item(
        pk=stored["pk"]["S"],
        sk=stored["sk"]["S"],
        document=document,
        attributes={name: text for name, text in texts.items() if name not in _KEYS},
        index=(texts["gsi1pk"], texts["gsi1sk"]) if {"gsi1pk", "gsi1sk"} <= texts.keys() else None,
        flaw=flaw,
    )


def _document(stored: Mapping[str, Any]) -> tuple[str, str | None]:
    """The document and, when it cannot be read, the reason."""
    if "packed" not in stored:
        document = stored.get("document", {}).get("S")
        return (document, None) if document is not None else ("", "it has no document")
    unpacking = zlib.decompressobj()
    try:
        document = unpacking.decompress(stored["packed"]["B"], _LARGEST_DOCUMENT).decode()
    except (zlib.error, UnicodeDecodeError, KeyError, TypeError) as error:
        return "", f"its packed document is damaged ({error})"
    if not unpacking.eof:
        return "", f"its packed document ends early, or is longer than {_LARGEST_DOCUMENT:,} bytes"
    return document, None

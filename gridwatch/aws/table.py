"""One DynamoDB table of JSON documents: reading, writing under a condition, and areas of it page by page.

Items have the keys `pk` and `sk`, what conditions and the indexes `gsi1` (`gsi1pk`, `gsi1sk`) and `gsi2` (`gsi2pk`,
`gsi2sk`) need as strings of their own, and the record as one JSON text in `document`: numbers keep every bit, which
DynamoDB's own would not, and no nesting or empty value is refused. A text over 64 kB is kept compressed, in `packed`:
DynamoDB takes 400 kB an item.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translate, translated
from gridwatch.state.patience import Patience
from gridwatch_rules.failures import PermanentError, ThrottledError, TransientError

INDEX = "gsi1"
SECOND_INDEX = "gsi2"
PACKED_OVER = 64 * 1024
# TransactWriteItems: 100 items and 4 MB; the request's own characters count too. BatchGetItem: 100 keys.
_ITEMS_AT_ONCE = 100
_BYTES_AT_ONCE = 3 * 1024 * 1024
_LARGEST_DOCUMENT = 64 * 1024 * 1024  # unpacked: a function has 1,024 MB
_REFUSED = "ConditionalCheckFailed"
_IN_TRANSACTION = 2.0  # seconds for which a write waits for somebody else's transaction, which takes a hundredth


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item. `attributes` are strings that conditions look at; `index` and `second_index` are its places in the two
    indexes, if it has them.

    `flaw` says why a stored item has no document that can be read.
    """

    pk: str
    sk: str
    document: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    index: tuple[str, str] | None = None
    second_index: tuple[str, str] | None = None
    flaw: str | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """An item to be put when the stored one meets the condition, if there is one."""

    item: Item
    condition: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


_Numbered = tuple[int, dict[str, Any]]
Tally = Callable[[Sequence[int]], Put | None]


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

    def get_many(self, keys: Iterable[tuple[str, str]]) -> Iterator[Item]:
        """The items of these keys that there are, in any order, 100 in a request. Strongly consistent.

        Raises ThrottledError when the table gives no more of them for a while.
        """
        left = [_key(pk, sk) for pk, sk in dict.fromkeys(keys)]
        while left:
            asked, left = left[:_ITEMS_AT_ONCE], left[_ITEMS_AT_ONCE:]
            yield from self._get_batch(asked)

    def _get_batch(self, asked: list[dict[str, Any]]) -> Iterator[Item]:
        for _ in Patience().tries():
            request = {self._name: {"Keys": asked, "ConsistentRead": True}}
            with translated():
                answer = self._client.batch_get_item(RequestItems=request)
            yield from map(_read, answer["Responses"].get(self._name, ()))
            # An answer ends at 16 MB, and where the table is too busy.
            asked = answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
            if not asked:
                return
        raise ThrottledError(f"the table {self._name} gives no more of {len(asked)} items", code="UnprocessedKeys")

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
        for _ in Patience(seconds=_IN_TRANSACTION).tries():
            try:
                with translated():
                    answer: Mapping[str, Any] = self._client.put_item(**request)
            except PermanentError as error:
                if error.code == "ConditionalCheckFailedException":
                    return None
                raise
            except TransientError as error:
                if error.code != "TransactionConflictException":
                    raise
                continue  # somebody's transaction has the item at this moment
            return answer
        words = f"{item.pk} {item.sk} is in others' transactions all the time"
        raise ThrottledError(words, code="TransactionConflictException")

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

    def second_indexed(self, gsi2pk: str) -> Iterator[Item]:
        """The items at that place of the second index by `gsi2sk`. Eventually consistent.

        None where the table has no such index: a deployment of a former version, or one that is being updated.
        """
        try:
            yield from self._query(
                IndexName=SECOND_INDEX,
                KeyConditionExpression="gsi2pk = :pk",
                ExpressionAttributeValues={":pk": {"S": gsi2pk}},
            )
        except PermanentError as error:
            if error.code != "ValidationException" or "index" not in str(error):
                raise

    def add_new(self, items: Sequence[Item]) -> int:
        """Put the items whose keys are free, leave the others as they are, and return how many were put.

        Killed half-way and called again, it completes what is missing.
        """
        return sum(self.put_each([Put(item, "attribute_not_exists(pk)") for item in items]))

    def put_each(self, puts: Sequence[Put], tally: Tally | None = None) -> list[bool]:
        """Put each item whose condition holds, and say of each whether it did.

        Transactions of up to 100 items, each put under its own condition: a batch write would have none and replace
        what somebody else wrote meanwhile. `tally` makes one more item of each transaction from the numbers of the puts
        in it, and makes it again when its condition no longer holds.
        """
        kept = [False] * len(puts)
        for chunk in _chunks([self._request(put) for put in puts], _ITEMS_AT_ONCE - (tally is not None)):
            for number in self._put_chunk(chunk, tally):
                kept[number] = True
        return kept

    def put_together(self, puts: Sequence[Put]) -> bool:
        """Put all of these items, or none: False when a condition does not hold, or others write there just now."""
        try:
            self._client.transact_write_items(TransactItems=[{"Put": self._request(put)} for put in puts])
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "TransactionCanceledException":
                raise translate(error) from error
            return False
        return True

    def _put_chunk(self, chunk: Sequence[_Numbered], tally: Tally | None) -> list[int]:
        """The numbers of those that were put. Raises ThrottledError when others write there all the time."""
        tries = (Patience() if tally else Patience(seconds=_IN_TRANSACTION)).tries()
        next(tries)
        while chunk:
            requests = [request for _, request in chunk]
            further = tally([number for number, _ in chunk]) if tally else None
            requests += [self._request(further)] if further else []
            try:
                self._client.transact_write_items(TransactItems=[{"Put": request} for request in requests])
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") != "TransactionCanceledException":
                    raise translate(error) from error
                fresh = _not_refused(chunk, error)
                # Nobody's condition failed where all are left, but others write there at this moment.
                if len(fresh) == len(chunk) and next(tries, None) is None:
                    raise ThrottledError(str(error), code="TransactionCanceledException") from error
                chunk = fresh
            else:
                return [number for number, _ in chunk]
        return []

    def _request(self, put: Put) -> dict[str, Any]:
        request: dict[str, Any] = {"TableName": self._name, "Item": _written(put.item)}
        request |= {"ConditionExpression": put.condition} if put.condition else {}
        values = {name: {"S": value} for name, value in put.values.items()}
        return request | ({"ExpressionAttributeValues": values} if values else {})

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


def _not_refused(chunk: Sequence[_Numbered], error: ClientError) -> list[_Numbered]:
    """The puts whose own condition held in a cancelled transaction."""
    reasons = error.response.get("CancellationReasons", ())
    # A reason more is that of the tally, which is made anew.
    return [each for each, reason in zip(chunk, reasons, strict=False) if reason.get("Code") != _REFUSED]


def _chunks(requests: Sequence[dict[str, Any]], most: int) -> Iterator[list[_Numbered]]:
    """The requests with their numbers, as many together as one transaction takes."""
    chunk: list[_Numbered] = []
    size = 0
    for number, request in enumerate(requests):
        # UTF-8 and base64 grow
        bytes_of_item = sum(len(value) for each in request["Item"].values() for value in each.values()) * 2
        if chunk and (len(chunk) == most or size + bytes_of_item > _BYTES_AT_ONCE):
            yield chunk
            chunk, size = [], 0
        chunk.append((number, request))
        size += bytes_of_item
    if chunk:
        yield chunk


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _written(item: Item) -> dict[str, Any]:
    written = _key(item.pk, item.sk) | {name: {"S": value} for name, value in item.attributes.items()}
    if item.index is not None:
        written |= {"gsi1pk": {"S": item.index[0]}, "gsi1sk": {"S": item.index[1]}}
    if item.second_index is not None:
        written |= {"gsi2pk": {"S": item.second_index[0]}, "gsi2sk": {"S": item.second_index[1]}}
    encoded = item.document.encode()
    if len(encoded) > PACKED_OVER:
        return written | {"packed": {"B": zlib.compress(encoded)}}
    return written | {"document": {"S": item.document}}


_KEYS = frozenset({"pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk", "document", "packed"})


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
        second_index=(texts["gsi2pk"], texts["gsi2sk"]) if {"gsi2pk", "gsi2sk"} <= texts.keys() else None,
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

"""A table in simulated time: its calls take as long as DynamoDB's, and refuse what it refuses of many writers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest import mock

from gridwatch_rules.clock import SystemClock
from tests.fakes.counting_table import CountingTable
from tests.simulation.errors import refused
from tests.simulation.stage import Act, Stage

ONE_WAY = 0.0025  # seconds in the median
COMMIT = 0.005  # seconds for which a transaction has its items to itself


class FarTable(CountingTable):
    """A table for calls that are made at the same time. Setting it up takes no time."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage
        self._taken: set[tuple[str, str]] = set()  # by a transaction

    def get_item(self, **request: Any) -> dict[str, Any]:
        return self._asked(lambda: super(FarTable, self).get_item(**request))

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        return self._asked(lambda: super(FarTable, self).batch_get_item(**request))

    def query(self, **request: Any) -> dict[str, Any]:
        return self._asked(lambda: super(FarTable, self).query(**request))

    def put_item(self, **request: Any) -> dict[str, Any]:
        def put() -> dict[str, Any]:
            if _key(request["Item"]) in self._taken:
                raise refused("TransactionConflictException", "a transaction has the item")
            return super(FarTable, self).put_item(**request)

        return self._asked(put)

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        def put() -> dict[str, Any]:
            keys = [_key(each["Put"]["Item"]) for each in request["TransactItems"]]
            if self._taken.intersection(keys):
                reasons = [{"Code": "TransactionConflict" if key in self._taken else "None"} for key in keys]
                raise refused("TransactionCanceledException", "others write there", CancellationReasons=reasons)
            self._taken.update(keys)
            try:
                self._pass(COMMIT)
                return super(FarTable, self).transact_write_items(**request)
            finally:
                self._taken.difference_update(keys)

        return self._asked(put)

    def _asked(self, do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        self._pass(self._one_way())
        try:
            return do()
        finally:
            self._pass(self._one_way())

    def _one_way(self) -> float:
        return self._stage.chance.lognormvariate(0, 0.4) * ONE_WAY

    def _pass(self, seconds: float) -> None:
        if self._stage.acting is not None:
            self._stage.acting.pause(seconds)


def _key(item: dict[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


@contextmanager
def simulated(stage: Stage) -> Iterator[None]:
    """Let whoever waits do so in simulated time, for as long as the seed says."""

    def sleep(_: SystemClock, seconds: float) -> None:
        assert stage.acting is not None
        stage.acting.pause(seconds)

    def now(_: SystemClock) -> datetime:
        return stage.moment()

    with (
        mock.patch.object(SystemClock, "now", now),
        mock.patch.object(SystemClock, "sleep", sleep),
    ):
        random.seed(0)  # spreads calls of the product, guards nothing
        yield


def all_at_once(stage: Stage, works: Sequence[Callable[[], object]]) -> list[float]:
    """The seconds that each took, when all begin at the same instant. Raises what one of them raises."""
    began, took, failed = stage.now, [], []

    def begin(work: Callable[[], object]) -> None:
        def over(_: object, error: BaseException | None) -> None:
            took.append(stage.now - began)
            failed.extend([error] if error is not None else [])

        Act(stage, "writer", work, over, seconds=60.0).begin(0.0)

    for work in works:
        begin(work)
    stage.run(lambda: len(took) == len(works), most_seconds=120.0)
    if failed:
        raise failed[0]
    return sorted(took)

"""Reads trial components by SageMaker Search: in full pages, from both ends at once, beyond what one query returns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from functools import cache
from threading import Event, Lock
from typing import Any, Generic, TypeVar

import boto3
import botocore.session
from botocore.config import Config
from botocore.parsers import JSONParser, ResponseParserFactory

from gridwatch.aws.clients import CONFIG
from gridwatch.aws.errors import translated

PAGE = 100  # Search's largest; what it gives unasked is not documented
QUERY_LIMIT = 10_000  # results of one query, as the SDK's own analytics takes them; then the next begins

_FROM_OLDEST, _FROM_NEWEST = "Ascending", "Descending"

_TIMES = frozenset({"CreationTime", "LastModifiedTime"})

Found = TypeVar("Found")


@cache
def patient_search_client() -> Any:
    """The process's client for Search; region, endpoint and credentials come from the environment."""
    return search_client()


def search_client(**where: Any) -> Any:
    """A client that slows down when SageMaker throttles it and retries for minutes: Search has no published rate.

    `where` holds endpoint and credentials, as boto3's Session.client takes them.
    """
    adaptive = Config(read_timeout=60, retries={"mode": "adaptive", "total_max_attempts": 10})
    session = botocore.session.get_session()
    session.register_component("response_parser_factory", _Parsers())
    return boto3.Session(botocore_session=session).client("sagemaker", config=CONFIG.merge(adaptive), **where)


class PageParser(JSONParser):
    """Parses Search's pages as plain JSON, which is eight times less work than parsing by the service's model.

    Only a component's CreationTime and LastModifiedTime become datetimes; other times stay seconds since 1970.
    """

    def parse(self, response: Mapping[str, Any], shape: Any) -> Mapping[str, Any]:
        if response["status_code"] >= 300 or shape is None or shape.name != "SearchResponse":
            parsed: Mapping[str, Any] = super().parse(response, shape)
            return parsed
        document: dict[str, Any] = json.loads(response["body"])
        for result in document.get("Results", ()):
            component = result.get("TrialComponent", {})
            for name in _TIMES.intersection(component):
                component[name] = datetime.fromtimestamp(component[name], UTC)
        headers = response["headers"]
        metadata = {"HTTPStatusCode": response["status_code"], "RequestId": headers.get("x-amzn-requestid", "")}
        return {**document, "ResponseMetadata": {**metadata, "HTTPHeaders": dict(headers), "RetryAttempts": 0}}


class _Parsers(ResponseParserFactory):
    def create_parser(self, protocol_name: str) -> Any:
        return PageParser() if protocol_name == "json" else super().create_parser(protocol_name)


class ComponentSearch:
    """Reads all trial components of a SageMaker experiment. Raises gridwatch_rules.failures errors."""

    def __init__(self, sagemaker: Any = None, query_limit: int = QUERY_LIMIT) -> None:
        self._sagemaker = sagemaker
        self._query_limit = query_limit

    def read(
        self, experiment: str, reduce: Callable[[Mapping[str, Any]], Found], modified_since: datetime | None = None
    ) -> Mapping[str, Found]:
        """What `reduce` returns for each component (SearchRecord's TrialComponent), by name; each component once.

        Only what `reduce` returns is kept, so pages do not stay in memory. `modified_since` leaves out components that
        have not changed since. Components that appear while it reads may be missing.
        """
        meeting = _Meeting(reduce)
        filters = [_filter("Parents.ExperimentName", "Equals", experiment)]
        if modified_since is not None:
            filters.append(_filter("LastModifiedTime", "GreaterThanOrEqualTo", _instant(modified_since)))
        with ThreadPoolExecutor(2) as threads:
            ends = [threads.submit(self._walk, filters, order, meeting) for order in (_FROM_OLDEST, _FROM_NEWEST)]
            for end in as_completed(ends):
                meeting.finish()  # also when it failed: the other need not go on
                end.result()
        return meeting.found

    def _walk(self, filters: list[dict[str, str]], order: str, meeting: _Meeting[Found]) -> None:
        """Read page after page from one end; after the limit of one query, a new one continues from the last result's
        time.
        """
        if order == _FROM_NEWEST and not meeting.is_needed():
            return
        operator = "GreaterThanOrEqualTo" if order == _FROM_OLDEST else "LessThanOrEqualTo"
        narrowed, start = filters, None
        while True:
            last, count = start, 0
            for components, more in self._pages(narrowed, order):
                if meeting.add(order, components, more):
                    return
                count += len(components)
                last = components[-1]["CreationTime"]
                if count >= self._query_limit and last != start:
                    break
            else:
                return
            narrowed, start = [*filters, _filter("CreationTime", operator, _instant(last))], last

    def _pages(self, filters: list[dict[str, str]], order: str) -> Iterator[tuple[list[Mapping[str, Any]], bool]]:
        """The pages that hold results, each with whether more follow."""
        request: dict[str, Any] = {
            "Resource": "ExperimentTrialComponent",
            "SearchExpression": {"Filters": filters},
            "SortBy": "CreationTime",
            "SortOrder": order,
            "MaxResults": PAGE,
        }
        client = self._sagemaker or patient_search_client()
        while True:
            with translated():
                answer = client.search(**request)
            components = [result["TrialComponent"] for result in answer["Results"] if "TrialComponent" in result]
            more = bool(answer.get("NextToken"))
            if components:
                yield components, more
            if not more:
                return
            request["NextToken"] = answer["NextToken"]


class _Meeting(Generic[Found]):
    """Where the walks from both ends put what they find, and how they notice that nothing is left between them.

    A walk has found everything before the time it has reached, but at that very moment there may be more. So the walks
    have met when one's time is beyond the other's, not when the times are equal.
    """

    def __init__(self, reduce: Callable[[Mapping[str, Any]], Found]) -> None:
        self._reduce = reduce
        self._lock = Lock()
        self._begun = Event()
        self._reached: dict[str, datetime] = {}
        self._over = False
        self.found: dict[str, Found] = {}

    def is_needed(self) -> bool:
        """Wait for the first page of the oldest; False when it was the only one, so that the other walk has nothing to
        do.
        """
        self._begun.wait()
        return not self._over

    def add(self, order: str, components: Sequence[Mapping[str, Any]], more: bool) -> bool:
        """Keep a page from one end; True when there is nothing more to find."""
        reduced = [(each["TrialComponentName"], self._reduce(each)) for each in components]
        with self._lock:
            for name, found in reduced:
                self.found.setdefault(name, found)
            self._reached[order] = components[-1]["CreationTime"]
            if not more and not self._begun.is_set():
                self._over = True
            self._begun.set()
            if len(self._reached) == 2 and self._reached[_FROM_OLDEST] > self._reached[_FROM_NEWEST]:
                self._over = True
            return self._over

    def finish(self) -> None:
        """Note that one walk has reached the other end or cannot go on, so the other need not go on either."""
        self._over = True
        self._begun.set()


def _filter(name: str, operator: str, value: str) -> dict[str, str]:
    return {"Name": name, "Operator": operator, "Value": value}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

"""SageMaker's client with Search alone, in memory: it filters by time, sorts and pages, and no query returns
everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import Any

_COMPARES = {
    "GreaterThanOrEqualTo": lambda value, bound: value >= bound,
    "LessThanOrEqualTo": lambda value, bound: value <= bound,
}


class PagedSearch:
    """The client. `limit`: how many results a query gives before it ends, whatever else there is. `calls` are the
    requests.
    """

    def __init__(self, components: Sequence[Mapping[str, Any]], limit: int = 10_000) -> None:
        self._components = components
        self._limit = limit
        self._lock = Lock()
        self.calls: list[Mapping[str, Any]] = []

    def search(self, **request: Any) -> Mapping[str, Any]:
        with self._lock:
            self.calls.append(request)
        found = [each for each in self._components if _matches(each, request["SearchExpression"]["Filters"])]
        # Ties in another order from each end, as an index may have them.
        newest_first = request["SortOrder"] == "Descending"
        found.sort(key=lambda each: (each[request["SortBy"]], each["TrialComponentName"][::-1]))
        if newest_first:
            found.sort(key=lambda each: each[request["SortBy"]], reverse=True)
        start = int(request.get("NextToken", 0))
        end = min(start + request["MaxResults"], self._limit)
        answer: dict[str, Any] = {"Results": [{"TrialComponent": each} for each in found[start:end]]}
        return answer | ({"NextToken": str(end)} if end < min(len(found), self._limit) else {})


def _matches(component: Mapping[str, Any], filters: Sequence[Mapping[str, str]]) -> bool:
    return all(
        _COMPARES[each["Operator"]](component[each["Name"]], datetime.fromisoformat(each["Value"]))
        for each in filters
        if each["Name"] in component
    )

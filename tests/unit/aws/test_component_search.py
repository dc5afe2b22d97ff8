"""Search read from both ends: everything, once, however many there are and however alike their times."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import JSONParser
from hypothesis import given
from hypothesis import strategies as st

from gridwatch.aws.component_search import ComponentSearch, PageParser
from gridwatch_rules.failures import ThrottledError
from tests.fakes.paged_search import PagedSearch

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _components(seconds: list[int]) -> list[dict[str, Any]]:
    return [
        {
            "TrialComponentName": f"job-{number}",
            "CreationTime": NOON + timedelta(seconds=second),
            "LastModifiedTime": NOON + timedelta(seconds=2 * second),
        }
        for number, second in enumerate(seconds)
    ]


@given(st.lists(st.integers(0, 40), max_size=900))
def test_every_component_is_found_once_beyond_what_a_query_gives(seconds: list[int]) -> None:
    # Of one moment there may be more than a page, but not more than a query gives.
    components = _components(seconds)
    limit = max(300, 100 + max((seconds.count(second) for second in seconds), default=0))
    read: list[str] = []
    client = PagedSearch(components, limit=limit)
    found = ComponentSearch(client, query_limit=limit).read("e", lambda each: read.append(each["TrialComponentName"]))
    assert set(found) == {each["TrialComponentName"] for each in components}
    assert all(call["MaxResults"] == 100 for call in client.calls)


def test_pages_are_read_about_once() -> None:
    client = PagedSearch(_components(list(range(3000))))
    ComponentSearch(client).read("e", lambda each: None)
    assert 30 <= len(client.calls) <= 33


def test_only_what_changed_is_asked_for() -> None:
    client = PagedSearch(_components(list(range(1000))))
    found = ComponentSearch(client).read("e", lambda each: None, NOON + timedelta(seconds=2 * 990))
    assert sorted(found) == [f"job-{number}" for number in range(990, 1000)]
    assert len(client.calls) == 1, "one page is not read from both ends"


def test_an_error_of_one_end_is_the_readings() -> None:
    class Refusing:
        def search(self, **request: Any) -> Any:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "Search")

    with pytest.raises(ThrottledError, match="Rate exceeded"):
        ComponentSearch(Refusing()).read("e", lambda each: None)


def test_a_page_is_read_as_botocore_reads_it() -> None:
    session = botocore.session.get_session()
    shape = session.get_service_model("sagemaker").operation_model("Search").output_shape
    component = {
        "TrialComponentName": "job-1",
        "CreationTime": 1790000000.25,
        "LastModifiedTime": 1790000060,
        "Parameters": {"eta": {"NumberValue": 0.1}},
    }
    body = json.dumps({"Results": [{"TrialComponent": component}], "NextToken": "more"}).encode()
    response = {"status_code": 200, "headers": {"x-amzn-requestid": "1"}, "body": body}
    ours, theirs = (parser.parse(response, shape) for parser in (PageParser(), JSONParser()))
    assert ours["Results"] == theirs["Results"]
    assert ours["NextToken"] == "more"
    assert ours["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_refusal_is_read_as_botocore_reads_it() -> None:
    body = json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"}).encode()
    response = {"status_code": 400, "headers": {}, "body": body}
    assert PageParser().parse(response, None) == JSONParser().parse(response, None)

"""What is asked of the local cloud is counted, by who asked."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from tests.contract.localcloud_world import World


def usage(world: World, method: str = "GET") -> dict[str, Any]:
    request = urllib.request.Request(f"{world.cloud.endpoint}/_localcloud/usage", method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        document: dict[str, Any] = json.load(answer)
        return document


@pytest.mark.usefixtures("world")
def test_requests_are_counted_by_operation_and_begin_anew_when_asked(world: World) -> None:
    usage(world, "DELETE")
    s3 = world.client("s3")
    s3.create_bucket(Bucket="counted")
    s3.put_object(Bucket="counted", Key="a", Body=b"x" * 100_000)
    assert len(s3.get_object(Bucket="counted", Key="a")["Body"].read()) == 100_000
    s3.list_objects_v2(Bucket="counted")
    world.client("sqs").create_queue(QueueName="counted")
    counts = {each["operation"]: each["count"] for each in usage(world)["requests"] if each["caller"] == "other"}
    assert (counts["s3:GET"], counts["s3:LIST"], counts["sqs:CreateQueue"]) == (1, 1, 1)
    assert counts["s3:PUT"] == 2
    usage(world, "DELETE")
    assert usage(world) == {"requests": [], "invocations": {}}

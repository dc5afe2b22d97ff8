"""Windows of dated prefixes: which days, how they are written, and what cannot be meant."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from gridwatch.spec.parts.data import Channel
from gridwatch.spec.windows import channel_uris
from tests.unit.spec.specs import blobs, only_problem, parsed

UPLOADED = date(2026, 3, 2)


def windowed(uri: str = "s3://events/dt={date}/", **window: Any) -> dict[str, Any]:
    document = blobs()
    document["data"]["train"] |= {"uri": uri, "window": {"days": 3, **window}}
    return document


def uris(document: dict[str, Any]) -> list[str]:
    channel: Channel = parsed(document).spec.data["train"]
    return list(channel_uris(channel, "experiments-bucket", UPLOADED))


def test_the_days_before_the_upload_the_oldest_first() -> None:
    assert uris(windowed()) == [f"s3://events/dt={day}/" for day in ("2026-02-27", "2026-02-28", "2026-03-01")]


def test_the_last_day_and_how_it_is_written_can_be_said() -> None:
    document = windowed("growth/{date:%Y/%m/%d}/part-", until="2024-03-01")
    assert uris(document) == [
        f"s3://experiments-bucket/data/growth/2024/{day}/part-" for day in ("02/28", "02/29", "03/01")
    ]


def test_a_channel_without_a_window_is_one_address_and_a_file_system_none() -> None:
    assert uris(blobs()) == ["s3://experiments-bucket/data/blobs/train.csv"]
    assert list(channel_uris(Channel(uri=None), "experiments-bucket", UPLOADED)) == []


@pytest.mark.parametrize(
    ("document", "field", "said"),
    [
        (windowed("s3://events/all/"), "uri", "has no {date}"),
        (windowed("s3://events/{date:%H}/"), "uri", "only %Y, %m, %d"),
        (windowed("s3://events/{date:%m}/"), "uri", "is the same for several days"),
        (windowed("s3://events-{date}/all/"), "uri", "is not an S3 address"),
        (windowed("s3://events/{date}/{hour}/"), "uri", "has braces around something else"),
        (windowed(until="2026-02-30"), "window.until", "there is no such day"),
        (windowed(may_lack=3), "window.may_lack", "no data at all"),
    ],
)
def test_what_cannot_be_meant_is_told(document: dict[str, Any], field: str, said: str) -> None:
    problem = only_problem(document)
    assert ".".join(map(str, problem.path)) == f"data.train.{field}"
    assert said in problem.message


def test_a_day_without_a_window_and_a_window_that_cannot_be_read_so() -> None:
    document = blobs()
    document["data"]["train"]["uri"] = "s3://events/{date}/"
    assert "there is no window" in only_problem(document).message
    document = windowed()
    document["data"]["train"]["input_mode"] = "FastFile"
    assert "listed in a manifest" in only_problem(document).message


@pytest.mark.parametrize("form", ["{date.__class__}", "{0}", "{date!r}", "{date:%Y{date}}"])
def test_an_address_is_no_format_string(form: str) -> None:
    document = windowed(f"s3://events/{form}/x/")
    assert only_problem(document).path == ("data", "train", "uri")

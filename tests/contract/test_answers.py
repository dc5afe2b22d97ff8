"""Answers that several calls write at once: no word is lost, on a bucket as AWS's."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gridwatch.aws.experiment_bucket import S3ExperimentBucket
from gridwatch_rules.failures import TransientError
from tests.contract.localcloud_world import BUCKET, World


def test_two_who_revise_at_once_both_have_their_say(world: World) -> None:
    bucket, key = S3ExperimentBucket(BUCKET, world.client("s3")), f"status/{world.name('answer')}.json"

    def name(number: int) -> None:
        def revised(former: Mapping[str, Any] | None) -> Mapping[str, Any]:
            return {"said": [*(former or {}).get("said", ()), number]}

        bucket.revise_answer(key, revised)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(name, range(4)))
    told = bucket.read_answer(key)
    assert told is not None
    assert sorted(told["said"]) == [0, 1, 2, 3]


def test_a_revision_looks_again_when_somebody_was_faster(world: World) -> None:
    bucket, key = S3ExperimentBucket(BUCKET, world.client("s3")), f"status/{world.name('answer')}.json"
    seen: list[Mapping[str, Any] | None] = []

    def revised(former: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        seen.append(former)
        if len(seen) == 1:
            bucket.write_answer(key, {"by": "another"})
        return {"by": "us", "after": former}

    bucket.revise_answer(key, revised)
    assert seen == [None, {"by": "another"}]
    assert bucket.read_answer(key) == {"by": "us", "after": {"by": "another"}}
    bucket.revise_answer(key, lambda _: None)
    assert bucket.read_answer(key) == {"by": "us", "after": {"by": "another"}}


def test_an_answer_that_others_write_all_the_time_is_left_for_later(world: World) -> None:
    bucket, key = S3ExperimentBucket(BUCKET, world.client("s3")), f"status/{world.name('answer')}.json"
    count = 0

    def revised(_: Mapping[str, Any] | None) -> Mapping[str, Any]:
        nonlocal count
        count += 1
        bucket.write_answer(key, {"by": f"another {count}"})
        return {"by": "us"}

    with pytest.raises(TransientError, match="all the time"):
        bucket.revise_answer(key, revised)
    assert count == 10

"""What is made of Amazon ECR's answers."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from gridwatch.aws.image_registry import image_version

ADDRESS = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:3.2-0"
DIGEST = "sha256:" + "0" * 64


class Ecr:
    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: dict[str, Any] = {}

    def batch_get_image(self, **request: Any) -> Any:
        self.asked = request
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_the_digest_that_a_tag_stands_for() -> None:
    ecr = Ecr({"images": [{"imageId": {"imageDigest": DIGEST}}]})
    assert image_version(ADDRESS, ecr).digest == DIGEST
    assert ecr.asked == {
        "registryId": "141502667606",
        "repositoryName": "sagemaker-xgboost",
        "imageIds": [{"imageTag": "3.2-0"}],
    }


def test_an_address_by_digest_is_asked_for_by_it() -> None:
    ecr = Ecr({"images": [{"imageId": {"imageDigest": DIGEST}}]})
    image_version(f"{ADDRESS.rpartition(':')[0]}@{DIGEST}", ecr)
    assert ecr.asked["imageIds"] == [{"imageDigest": DIGEST}]


@pytest.mark.parametrize(
    ("address", "answer", "note"),
    [
        ("docker.io/library/busybox", {}, "in no registry"),
        (ADDRESS, {"images": [], "failures": [{"failureCode": "ImageNotFound"}]}, "ImageNotFound"),
        (ADDRESS, ClientError({"Error": {"Code": "RepositoryNotFoundException"}}, "BatchGetImage"), "RepositoryNotF"),
    ],
)
def test_why_there_is_no_digest(address: str, answer: Any, note: str) -> None:
    found = image_version(address, Ecr(answer))
    assert found.digest is None
    assert note in found.note

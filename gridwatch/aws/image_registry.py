"""Looks up in Amazon ECR which digest a training image's tag stands for now.

BatchGetImage is the one read that AWS's own registries allow other accounts (they deny DescribeImages).
"""

from __future__ import annotations

import re
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.reproduce.fingerprint import ImageVersion
from gridwatch_rules.failures import GridwatchError

_ADDRESS = re.compile(
    r"(?P<registry>\d{12})\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/(?P<name>[^:@]+)"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64})|:(?P<tag>[^:@]+))?"
)


def image_version(address: str, ecr: Any = None) -> ImageVersion:
    """The image with its digest, or with the reason why there is none. It raises nothing: training does not need the
    digest.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        return ImageVersion(address, note="it is in no registry of Amazon ECR")
    which = {"imageDigest": found["digest"]} if found["digest"] else {"imageTag": found["tag"] or "latest"}
    try:
        with translated():
            answer = (ecr or client("ecr")).batch_get_image(
                registryId=found["registry"], repositoryName=found["name"], imageIds=[which]
            )
    except GridwatchError as error:
        return ImageVersion(address, note=f"the registry says {error.code or error}")
    if not answer.get("images"):
        reasons = [failure.get("failureCode", "") for failure in answer.get("failures", ())]
        return ImageVersion(address, note=f"the registry says {', '.join(filter(None, reasons)) or 'nothing of it'}")
    return ImageVersion(address, answer["images"][0]["imageId"]["imageDigest"])

"""The images in which SageMaker Debugger evaluates rules, by region.

Source: the developer guide, "Docker images for Debugger rules"; the built-in rules' images are also in the SageMaker
SDK.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gridwatch.launch.images import UnknownRegionError, registry

BUILT_IN = "sagemaker-debugger-rules"
CUSTOM = "sagemaker-debugger-rule-evaluator"
BY_DEFAULT = "DEFAULT_RULE_EVALUATOR_IMAGE"  # the SageMaker SDK's word for BUILT_IN
_AWS_IMAGE = re.compile(rf"\d{{12}}\.dkr\.ecr\.[a-z0-9-]+\.[a-z0-9.]+/({BUILT_IN}|{CUSTOM}):latest")

_ACCOUNTS: Mapping[str, Mapping[str, str]] = {
    BUILT_IN: {
        "af-south-1": "314341159256", "ap-east-1": "199566480951", "ap-northeast-1": "430734990657",
        "ap-northeast-2": "578805364391", "ap-northeast-3": "479947661362", "ap-south-1": "904829902805",
        "ap-southeast-1": "972752614525", "ap-southeast-2": "184798709955", "ca-central-1": "519511493484",
        "cn-north-1": "618459771430", "cn-northwest-1": "658757709296", "eu-central-1": "482524230118",
        "eu-north-1": "314864569078", "eu-south-1": "563282790590", "eu-west-1": "929884845733",
        "eu-west-2": "250201462417", "eu-west-3": "447278800020", "me-south-1": "986000313247",
        "sa-east-1": "818342061345", "us-east-1": "503895931360", "us-east-2": "915447279597",
        "us-gov-west-1": "515509971035", "us-west-1": "685455198987", "us-west-2": "895741380848",
    },
    CUSTOM: {
        "ap-northeast-1": "670969264625", "ap-south-1": "552407032007", "ap-southeast-1": "631532610101",
        "ap-southeast-2": "445670767460", "ca-central-1": "105842248657", "eu-central-1": "691764027602",
        "eu-north-1": "091235270104", "eu-west-1": "606966180310", "eu-west-2": "074613877050",
        "eu-west-3": "224335253976", "sa-east-1": "466516958431", "us-east-1": "864354269164",
        "us-east-2": "840043622174", "us-west-1": "952348334681", "us-west-2": "759209512951",
    },
}  # fmt: skip


def evaluator_image(kind: str, region: str) -> str:
    """The address of the BUILT_IN or CUSTOM image in that region. Raises UnknownRegionError."""
    account = _ACCOUNTS[kind].get(region)
    if account is None:
        raise UnknownRegionError(
            f"no image {kind} of Debugger is known for region {region!r}; known are {', '.join(_ACCOUNTS[kind])}"
        )
    return f"{registry(account, region)}/{kind}:latest"


def same_image_here(address: str | None, kind: str, region: str) -> str:
    """The image that a configuration names, moved to this region if it is AWS's; the image of `kind` when it names
    none.

    Raises UnknownRegionError.
    """
    if address is None or address == BY_DEFAULT:
        return evaluator_image(kind, region)
    known = _AWS_IMAGE.fullmatch(address)
    return evaluator_image(known[1], region) if known else address


def is_foreign(address: str | None) -> bool:
    """Whether a configuration names an image that is not AWS's."""
    return address is not None and address != BY_DEFAULT and _AWS_IMAGE.fullmatch(address) is None

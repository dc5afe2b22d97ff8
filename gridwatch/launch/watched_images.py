"""What is known of training images for the hook: their Python, and the PYTHONPATH that they set themselves.

Sources: tags of AWS's images; the Dockerfiles of aws/sagemaker-scikit-learn-container and
aws/sagemaker-xgboost-container, read 2026-11.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from gridwatch.spec.images import framework_image, full_version, image_accounts

if TYPE_CHECKING:
    from gridwatch.spec.parts.algorithm import Algorithm

LEAST_PYTHON = (3, 10)  # gridwatch_hook.carrier.sitecustomize
_IN_TAG = re.compile(r"-py(3)(\d{1,2})(?:-|$)")
_OWN = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.[a-z0-9-]+\.[^/]+/(?P<repository>[^:@]+):(?P<tag>[^@]+)")
# Where the tag does not say it. Earlier versions have Python 3.9 and older.
_PYTHONS = {"sklearn": {"1.4-2": (3, 10), "1.9-0": (3, 12)}, "xgboost": {"1.7-1": (3, 10), "3.0-5": (3, 10)}}
_NEWER = {"xgboost": ((3, 2), (3, 12)), "sklearn": ((1, 10), (3, 12))}
# Of XGBoost 1.7-1, whose newer builds have another Python: of both paths one exists.
_TRACKER = "/miniconda3/lib/python{}/site-packages/xgboost/dmlc-core/tracker"
_PATHS = {("xgboost", "1.7-1"): ":".join(_TRACKER.format(version) for version in ("3.10", "3.8"))}


def image_python(algorithm: Algorithm) -> tuple[int, int] | None:
    """The version of Python in the image, where it is one of AWS's; None where nothing is known of the image, and
    (3, 0) where it is older than any that is watched.
    """
    framework = algorithm.framework
    if framework is None:
        return _of_address(algorithm.image or "")
    version = full_version(framework, algorithm.version or "") or ""
    known = _PYTHONS.get(framework, {}).get(version)
    if known is not None:
        return known
    least, python = _NEWER.get(framework, ((1_000, 0), (3, 0)))
    if _numbers(version) >= least:
        return python
    image = framework_image(framework, version)
    return _of_tag(image.tag) if image is not None else None


def image_path(algorithm: Algorithm) -> str:
    """The PYTHONPATH that the image sets, which a variable of the request replaces; empty where it sets none."""
    framework = algorithm.framework or ""
    return _PATHS.get((framework, full_version(framework, algorithm.version or "") or ""), "") if framework else ""


def _of_address(address: str) -> tuple[int, int] | None:
    """The Python of one of AWS's own images that is named by its address."""
    found = _OWN.fullmatch(address)
    if found is None or found["account"] not in _accounts() or not found["repository"].endswith("-training"):
        return None
    return _of_tag(found["tag"])


def _of_tag(tag: str) -> tuple[int, int]:
    found = _IN_TAG.search(tag)
    return (int(found[1]), int(found[2])) if found else (3, 0)


def _numbers(version: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


@cache
def _accounts() -> frozenset[str]:
    return image_accounts()

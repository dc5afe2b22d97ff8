"""The address of the image that an algorithm trains in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridwatch.spec.images import Image, algorithm_image, framework_image, with_cuda_11
from gridwatch.spec.instance_types import processor

if TYPE_CHECKING:  # pydantic takes a while to import, and who has an address or catches an error needs no specs
    from gridwatch.spec.parts.algorithm import Algorithm
    from gridwatch.spec.parts.distribution import Distribution

# Where a region's registries are, by the beginning of its name; botocore's partitions.json.
_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
    "us-iso-": "c2s.ic.gov",
    "eu-isoe-": "cloud.adc-e.uk",
    "eusc-": "amazonaws.eu",
}


class UnknownRegionError(ValueError):
    """AWS publishes no such image in that region, or did not when the table was made."""


class NoImageError(ValueError):
    """There is no image of this version, or none for this kind of machine."""


def image_address(
    algorithm: Algorithm, region: str, instance_type: str, distribution: Distribution | None = None
) -> str:
    """The image's address. With `distribution`, some old versions have an image of their own that holds SageMaker's
    libraries. Raises UnknownRegionError and NoImageError.
    """
    if algorithm.image is not None:
        return algorithm.image
    image = _image(algorithm)
    account = image.accounts.get(region)
    if account is None:
        raise UnknownRegionError(
            f"no image of {algorithm.title} is known for region {region!r}; known are {', '.join(image.accounts)}"
        )
    tag = _tag(image, algorithm, instance_type)
    if instance_type.startswith("ml.p4d.") or (distribution is not None and distribution.has_library):
        tag = with_cuda_11(image.repository, tag)
    return f"{registry(account, region)}/{image.repository}:{tag}"


def registry(account: str, region: str) -> str:
    """The registry host from which an account's images are pulled."""
    suffix = next((suffix for begin, suffix in _SUFFIXES.items() if region.startswith(begin)), "amazonaws.com")
    return f"{account}.dkr.ecr.{region}.{suffix}"


def _image(algorithm: Algorithm) -> Image:
    framework, version = algorithm.trained_with, algorithm.version or ""
    found = framework_image(framework, version) if framework else algorithm_image(algorithm.name or "")
    if found is None:
        raise NoImageError(f"there is no image of {algorithm.title}")
    return found


def _tag(image: Image, algorithm: Algorithm, instance_type: str) -> str:
    wanted = processor(instance_type)
    if image.processors and wanted not in image.processors:
        if image.processors == ("cpu",) and wanted == "gpu":
            wanted = "cpu"  # AWS's scikit-learn runs there too, on the processor alone
        else:
            raise NoImageError(f"there is no image of {algorithm.title} for {instance_type} ({wanted})")
    return image.tag.replace("{processor}", wanted)

"""The instance types that CreateTrainingJob accepts (botocore's TrainingInstanceType), to check specs without AWS.

A test compares the table with the botocore that the project is pinned to.
"""

from __future__ import annotations

_SIZES = {
    "m4": "xlarge 2xlarge 4xlarge 10xlarge 16xlarge",
    "g4dn": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
    "m5": "large xlarge 2xlarge 4xlarge 12xlarge 24xlarge",
    "c4": "xlarge 2xlarge 4xlarge 8xlarge",
    "p2": "xlarge 8xlarge 16xlarge",
    "p3": "2xlarge 8xlarge 16xlarge",
    "p3dn": "24xlarge",
    "p4d": "24xlarge",
    "p4de": "24xlarge",
    "p5": "48xlarge 4xlarge",
    "p5e": "48xlarge",
    "p5en": "48xlarge",
    "c5": "xlarge 2xlarge 4xlarge 9xlarge 18xlarge",
    "c5n": "xlarge 2xlarge 4xlarge 9xlarge 18xlarge",
    "g5": "xlarge 2xlarge 4xlarge 8xlarge 16xlarge 12xlarge 24xlarge 48xlarge",
    "g6": "xlarge 2xlarge 4xlarge 8xlarge 16xlarge 12xlarge 24xlarge 48xlarge",
    "g6e": "xlarge 2xlarge 4xlarge 8xlarge 16xlarge 12xlarge 24xlarge 48xlarge",
    "trn1": "2xlarge 32xlarge",
    "trn1n": "32xlarge",
    "trn2": "48xlarge",
    "m6i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge",
    "c6i": "xlarge 2xlarge 8xlarge 4xlarge 12xlarge 16xlarge 24xlarge 32xlarge",
    "r5d": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge",
    "t3": "medium large xlarge 2xlarge",
    "r5": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge",
    "p6-b200": "48xlarge",
    "m7i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge",
    "c7i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge",
    "r7i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge",
    "p6e-gb200": "36xlarge",
    "p6-b300": "48xlarge",
    "g7e": "2xlarge 4xlarge 8xlarge 12xlarge 24xlarge 48xlarge",
    "g7": "2xlarge 4xlarge 8xlarge 12xlarge 24xlarge 48xlarge",
    "r6i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge",
    "m8i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge 96xlarge",
    "c8i": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge 96xlarge",
    "r8i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge 96xlarge",
    "m7i-flex": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
    "c7i-flex": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
    "m8i-flex": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
    "c8i-flex": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
    "r8i-flex": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
}

INSTANCE_TYPES = tuple(f"ml.{family}.{size}" for family, sizes in _SIZES.items() for size in sizes.split())


def processor(instance_type: str) -> str:
    """The processor that a training image must be made for: cpu, gpu or neuron (AWS's own accelerators)."""
    family = instance_type.removeprefix("ml.")
    return "neuron" if family.startswith(("trn", "inf")) else "gpu" if family[:1] in ("g", "p") else "cpu"


# Storage of the machine itself in place of a volume: CreateTrainingJob refuses a VolumeKmsKeyId for these.
_LOCAL_STORAGE = ("g4dn", "g5", "g6", "g6e", "g7", "g7e", "p3dn", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200",
                  "p6-b300", "p6e-gb200", "r5d", "trn1", "trn1n", "trn2")  # fmt: skip


def has_local_storage(instance_type: str) -> bool:
    return instance_type.removeprefix("ml.").split(".")[0] in _LOCAL_STORAGE


# GPUs of one instance by family: where sizes differ in number, each; "" for all others. Source: "Accelerated computing"
# of the EC2 instance type guide. Families that are not here are not known.
_GPUS: dict[str, dict[str, int]] = {
    "p2": {"xlarge": 1, "8xlarge": 8, "16xlarge": 16},
    "p3": {"2xlarge": 1, "8xlarge": 4, "16xlarge": 8},
    "p3dn": {"": 8}, "p4d": {"": 8}, "p4de": {"": 8}, "p5": {"4xlarge": 1, "": 8}, "p5e": {"": 8}, "p5en": {"": 8},
    "p6-b200": {"": 8}, "p6-b300": {"": 8},
    "g4dn": {"12xlarge": 4, "": 1},
    **{family: {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8, "": 1} for family in ("g5", "g6", "g6e")},
    "g7e": {"12xlarge": 2, "24xlarge": 4, "48xlarge": 8, "": 1},
}  # fmt: skip


def gpus(instance_type: str) -> int:
    """The number of GPUs of one instance; 0 when it has none or it is not known."""
    family, _, size = instance_type.removeprefix("ml.").partition(".")
    known = _GPUS.get(family, {})
    return known.get(size, known.get("", 0))


def one_in_place_of(instance_type: str, count: int) -> str | None:
    """The smallest instance type of the same family that is as large as that many of the given one; None when there is
    none.
    """
    family, _, _ = instance_type.rpartition(".")
    wanted = _capacity(instance_type)[0] * count, _capacity(instance_type)[1] * count
    larger = [
        other
        for other in INSTANCE_TYPES
        if other.rpartition(".")[0] == family and all(a >= b for a, b in zip(_capacity(other), wanted, strict=True))
    ]
    return min(larger, key=_capacity, default=None)


def _capacity(instance_type: str) -> tuple[int, float]:
    """The number of GPUs, and the size as a multiple of xlarge."""
    size = instance_type.rpartition(".")[2]
    multiple = {"medium": 0.25, "large": 0.5}.get(size)
    return gpus(instance_type), multiple or float(size.removesuffix("xlarge") or 1)

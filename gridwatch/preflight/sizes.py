"""Checks that a channel's data fits on the instance: on its volume and in its memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gridwatch.domain.notices import Notice

_GIB = 1 << 30
# XGBoost 3.2 reading CSV and training with tree_method hist takes, at its peak, about twice the bytes of the files
# (measured with 300,000 x 20 and 1,000,000 x 10 random values); binary formats are unpacked to more.
_MEMORY_FOR_TEXT = 2.0
_MEMORY_FOR_PARQUET = 6.0
_SYSTEM = 1.0  # GiB of the instance that system and container take

_PER_VCPU = {"m": 4.0, "c": 2.0, "r": 8.0}  # GiB: how EC2 names its families
_REGULAR = ("m5", "m6i", "m7i", "m8i", "m7i-flex", "m8i-flex", "c5", "c6i", "c7i", "c8i", "c7i-flex", "c8i-flex",
            "r5", "r5d", "r6i", "r7i", "r8i", "r8i-flex")  # fmt: skip
_VCPUS = {"large": 2, "xlarge": 4}
# GiB of families that follow no rule. Source: the EC2 instance type pages; types that are not here are not checked.
_MEMORY: Mapping[str, Mapping[str, float]] = {
    "m4": {"xlarge": 16, "2xlarge": 32, "4xlarge": 64, "10xlarge": 160, "16xlarge": 256},
    "c4": {"xlarge": 7.5, "2xlarge": 15, "4xlarge": 30, "8xlarge": 60},
    "c5n": {"xlarge": 10.5, "2xlarge": 21, "4xlarge": 42, "9xlarge": 96, "18xlarge": 192},
    "t3": {"medium": 4, "large": 8, "xlarge": 16, "2xlarge": 32},
    "p2": {"xlarge": 61, "8xlarge": 488, "16xlarge": 732},
    "p3": {"2xlarge": 61, "8xlarge": 244, "16xlarge": 488},
    "p3dn": {"24xlarge": 768},
    "p4d": {"24xlarge": 1152},
    "p4de": {"24xlarge": 1152},
    "p5": {"48xlarge": 2048},
    "g4dn": {"xlarge": 16, "2xlarge": 32, "4xlarge": 64, "8xlarge": 128, "12xlarge": 192, "16xlarge": 256},
    "g5": {"xlarge": 16, "2xlarge": 32, "4xlarge": 64, "8xlarge": 128, "16xlarge": 256, "12xlarge": 192,
           "24xlarge": 384, "48xlarge": 768},
    "g6": {"xlarge": 16, "2xlarge": 32, "4xlarge": 64, "8xlarge": 128, "16xlarge": 256, "12xlarge": 192,
           "24xlarge": 384, "48xlarge": 768},
}  # fmt: skip


def instance_memory(instance_type: str) -> float | None:
    """The instance type's memory in GiB; None for types that are not known here."""
    _, _, rest = instance_type.partition(".")
    family, _, size = rest.partition(".")
    if family in _REGULAR:
        vcpus = _VCPUS.get(size) or (int(size.removesuffix("xlarge")) * 4 if size.endswith("xlarge") else None)
        return None if vcpus is None else vcpus * _PER_VCPU[family[0]]
    return _MEMORY.get(family, {}).get(size)


def check_sizes(
    totals: Mapping[str, int], instance_types: Sequence[str], volume_gb: int, *, text: bool = True
) -> Iterator[Notice]:
    """The notices about sizes. `totals`: bytes by channel. SageMaker's File mode copies all channels to the volume;
    XGBoost holds them in memory.
    """
    total = sum(totals.values())
    sizes = ", ".join(f"{name} {_size(size)}" for name, size in totals.items())
    if total > volume_gb * _GIB:
        yield Notice(
            check="volume", field="resources.volume_gb",
            message=f"the data ({sizes}) is larger than the volume of {volume_gb} GB, to which it is copied",
            advice=f"at least {int(total / _GIB) + 2}",
        )  # fmt: skip
    needed = int(total * (_MEMORY_FOR_TEXT if text else _MEMORY_FOR_PARQUET))
    for instance_type in instance_types:
        memory = instance_memory(instance_type)
        if memory is None or needed <= (memory - _SYSTEM) * _GIB:
            continue
        yield Notice(
            check="memory", field="resources.instance_type",
            message=f"the data ({sizes}) takes about {_size(needed)} once it is read, and "
            f"{instance_type} has {memory:g} GiB",
            advice="take an instance with more memory, or sample the data",
        )  # fmt: skip


def _size(size: int) -> str:
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"

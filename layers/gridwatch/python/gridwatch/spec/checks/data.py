"""What must hold of the inputs."""

from __future__ import annotations

from collections.abc import Iterator

from gridwatch.spec.channels import channel_problem
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Problem, did_you_mean, enumerated, shown

CONTENT_TYPES = (
    "text/csv", "csv", "text/libsvm", "text/x-libsvm", "libsvm", "application/x-parquet", "parquet"
)  # fmt: skip


def check_data(spec: ExperimentSpec) -> Iterator[Problem]:
    if "train" not in spec.data:
        advice = did_you_mean("train", spec.data)
        yield Problem(path=("data",), message="there is no train channel", found=enumerated(spec.data), advice=advice)
    for name, channel in spec.data.items():
        wrong = channel_problem(channel.uri)
        if wrong:
            allowed = "s3://bucket/prefix, or a place below data/ of the experiments bucket such as blobs/train.csv"
            yield Problem(path=("data", name, "uri"), message=wrong, found=shown(channel.uri), allowed=allowed)
        kind = channel.content_type.split(";", 1)[0].strip().lower()
        if kind not in CONTENT_TYPES:
            yield Problem(
                path=("data", name, "content_type"), message="XGBoost cannot read this",
                found=shown(channel.content_type), allowed=", ".join(CONTENT_TYPES),
                advice=did_you_mean(kind, CONTENT_TYPES),
            )  # fmt: skip

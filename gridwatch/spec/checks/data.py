"""Checks of the inputs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from email.message import Message

from gridwatch.spec.channels import channel_problem
from gridwatch.spec.checks.compute import ELSEWHERE
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.parts.data import Channel
from gridwatch.spec.problems import Problem, did_you_mean, enumerated, shown
from gridwatch.spec.windows import window_problem

CONTENT_TYPES = (
    "text/csv", "csv", "text/libsvm", "text/x-libsvm", "libsvm", "application/x-parquet", "parquet"
)  # fmt: skip


def check_data(spec: ExperimentSpec) -> Iterator[Problem]:
    if spec.algorithm.is_own_xgboost:
        yield from _of_xgboost(spec)
    for name, channel in spec.data.items():
        yield from _place(name, channel)
        yield from _reading(name, channel)
        if channel.file_system is not None and spec.resources.network is None:
            message = "a file system is reached through its network only"
            advice = "name its subnets and security_groups under resources.network"
            yield Problem(path=("data", name, "file_system"), message=message, advice=advice)
        for index, group in enumerate(channel.instance_groups or ()):
            if group not in spec.resources.groups:
                yield Problem(
                    path=("data", name, "instance_groups", index), message="there is no such group",
                    found=shown(group), allowed=enumerated(spec.resources.groups) or "resources.groups",
                )  # fmt: skip


def _of_xgboost(spec: ExperimentSpec) -> Iterator[Problem]:
    if "train" not in spec.data:
        advice = did_you_mean("train", spec.data)
        yield Problem(path=("data",), message="there is no train channel", found=enumerated(spec.data) or "no channel",
                      advice=advice)  # fmt: skip
    for name, channel in spec.data.items():
        kind = (channel.content_type or "").split(";", 1)[0].strip().lower()
        if kind not in CONTENT_TYPES:
            message = "XGBoost cannot read this" if channel.content_type else "is required and missing"
            yield Problem(
                path=("data", name, "content_type"), message=message,
                found=shown(channel.content_type) if channel.content_type else None, allowed=", ".join(CONTENT_TYPES),
                advice=did_you_mean(kind, CONTENT_TYPES),
            )  # fmt: skip
        size = _parameter(channel.content_type or "", "label_size")
        if kind.endswith("csv") and size not in (None, "1"):
            message = "XGBoost learns from one label for each row, in the first column"
            path = ("data", name, "content_type")
            yield Problem(path=path, message=message, found=f"label_size={size}", allowed="label_size=1")
        if channel.input_mode == "Pipe":
            message = "Gridwatch's script for XGBoost reads files"
            path = ("data", name, "input_mode")
            yield Problem(path=path, message=message, found="Pipe", allowed="File, FastFile", advice=ELSEWHERE)


def _parameter(content_type: str, name: str) -> str | None:
    """The parameters that follow a content type, as in text/csv; label_size=1."""
    header = Message()
    header["Content-Type"] = content_type if "/" in content_type else f"text/{content_type}"
    value = header.get_param(name)
    return str(value) if value is not None else None


def _place(name: str, channel: Channel) -> Iterator[Problem]:
    if (channel.uri is None) is (channel.file_system is None):
        found = "both" if channel.uri is not None else "neither"
        yield Problem(path=("data", name), message="where the data is must be said once", found=found,
                      allowed="uri or file_system")  # fmt: skip
    wrong = channel_problem(channel.uri) if channel.uri is not None else None
    if wrong:
        allowed = "s3://bucket/prefix, or a place below data/ of the experiments bucket such as blobs/train.csv"
        yield Problem(path=("data", name, "uri"), message=wrong, found=shown(channel.uri), allowed=allowed)
    elif channel.uri is not None:
        yield from _window(name, channel, channel.uri)


def _window(name: str, channel: Channel, uri: str) -> Iterator[Problem]:
    path = ("data", name, "window")
    odd = window_problem(uri, channel.window)
    if odd:
        advice = "such as s3://bucket/events/dt={date}/ or events/{date:%Y/%m/%d}/ with window: {days: 28}"
        yield Problem(path=("data", name, "uri"), message=odd, found=shown(uri), advice=advice)
    if channel.window is None:
        return
    if channel.kind != "prefix":
        yield Problem(path=path, message="a window is of prefixes", found=f"kind {channel.kind}", allowed="kind prefix")
    if channel.input_mode == "FastFile":
        # Developer Guide, "Configure data input mode": fast file mode takes prefixes alone.
        message = "the objects of a window are listed in a manifest, which cannot be read so"
        yield Problem(path=("data", name, "input_mode"), message=message, found="FastFile", allowed="File, Pipe")
    if channel.window.until is not None:
        try:
            date.fromisoformat(channel.window.until)
        except ValueError:
            message, found = "there is no such day", shown(channel.window.until)
            yield Problem(path=(*path, "until"), message=message, found=found, allowed="YYYY-MM-DD")
    if channel.window.may_lack >= channel.window.days:
        message = "then there might be no data at all"
        allowed = f"up to {channel.window.days - 1}"
        yield Problem(path=(*path, "may_lack"), message=message, found=str(channel.window.may_lack), allowed=allowed)


def _reading(name: str, channel: Channel) -> Iterator[Problem]:
    """The problems between the ways in which a channel is read."""
    mode = channel.input_mode or "File"
    if channel.file_system is not None:
        for field in ("kind", "window", "attributes", "record_wrapper", "compression", "sharded", "shuffle_seed"):
            if field in channel.model_fields_set:
                yield Problem(path=("data", name, field), message="is for data in S3", advice="leave it out")
        if mode != "File":
            path = ("data", name, "input_mode")
            yield Problem(path=path, message="a file system is read as files", found=mode, allowed="File")
        return
    if (channel.kind == "augmented_manifest") is (channel.attributes is None):
        message = "an augmented manifest and the attributes to read belong together"
        yield Problem(path=("data", name, "attributes"), message=message)
    if channel.kind == "augmented_manifest" and mode != "Pipe":
        # API reference of S3DataSource, S3DataType.
        message = "an augmented manifest can only be streamed"
        yield Problem(path=("data", name, "input_mode"), message=message, found=mode, allowed="Pipe")
    if channel.kind == "manifest" and mode == "FastFile":
        # Developer Guide, "Configure data input mode": fast file mode takes prefixes alone.
        message = "what a manifest lists cannot be read so"
        yield Problem(path=("data", name, "input_mode"), message=message, found=mode, allowed="File, Pipe")
    for field in ("compression", "record_wrapper"):
        if getattr(channel, field) is not None and mode != "Pipe":
            message = "is for data that is streamed"
            advice = "set input_mode: Pipe" if field == "record_wrapper" else "set input_mode: Pipe, or unpack it first"
            yield Problem(path=("data", name, field), message=message, found=f"input_mode {mode}", advice=advice)

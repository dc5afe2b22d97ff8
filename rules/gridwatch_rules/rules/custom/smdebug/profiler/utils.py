"""Converts times between units, and parses the names of a profile's files."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from gridwatch_rules.rules.custom.recorded import current_access
from gridwatch_rules.rules.custom.smdebug.core.access_layer.s3handler import ReadObjectRequest, S3Handler
from gridwatch_rules.rules.custom.smdebug.core.logger import get_logger

logger = get_logger()


class TimeUnits(Enum):
    SECONDS = 1
    MILLISECONDS = 2
    MICROSECONDS = 3
    NANOSECONDS = 4


def convert_utc_timestamp_to_nanoseconds(timestamp: Any, unit: TimeUnits = TimeUnits.MICROSECONDS) -> Any:
    if unit is TimeUnits.NANOSECONDS:
        return timestamp
    if unit is TimeUnits.SECONDS:
        return int(timestamp * 1000 * 1000 * 1000)
    return int(timestamp * 1000 * 1000) if unit is TimeUnits.MILLISECONDS else int(timestamp * 1000)


def convert_utc_timestamp_to_microseconds(timestamp: Any, unit: TimeUnits = TimeUnits.MICROSECONDS) -> Any:
    if unit is TimeUnits.NANOSECONDS:
        return timestamp / 1000
    if unit is TimeUnits.SECONDS:
        return int(timestamp * 1000 * 1000)
    return int(timestamp * 1000) if unit is TimeUnits.MILLISECONDS else int(timestamp)


def convert_utc_timestamp_to_seconds(timestamp: Any, unit: TimeUnits = TimeUnits.MICROSECONDS) -> Any:
    if unit is TimeUnits.NANOSECONDS:
        return timestamp / 1000 / 1000 / 1000
    if unit is TimeUnits.SECONDS:
        return int(timestamp)
    return int(timestamp / 1000) if unit is TimeUnits.MILLISECONDS else int(timestamp / 1000 / 1000)


def convert_utc_datetime_to_nanoseconds(timestamp_datetime: datetime) -> Any:
    return convert_utc_timestamp_to_nanoseconds(timestamp_datetime.timestamp(), unit=TimeUnits.SECONDS)


def convert_utc_datetime_to_microseconds(timestamp_datetime: datetime) -> Any:
    return convert_utc_timestamp_to_microseconds(timestamp_datetime.timestamp(), unit=TimeUnits.SECONDS)


def us_since_epoch_to_human_readable_time(us_since_epoch: float) -> str:
    return datetime.fromtimestamp(us_since_epoch / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S:%f")


def ns_since_epoch_to_human_readable_time(ns_since_epoch: float) -> str:
    return datetime.fromtimestamp(ns_since_epoch / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%S:%f")


def is_valid_tfprof_tracefilename(filename: str) -> bool:
    """Whether the file is a trace of TensorFlow's own profiler."""
    return filename.endswith("trace.json.gz") and "tensorflow/detailed_profiling" in filename


def is_valid_tracefilename(filename: str) -> bool:
    """Whether the file is a timeline: `…/pevents/<hour>/<time>_<node>_<kind>.json`."""
    return filename.endswith(".json") and "pevents" in filename and len(filename.split("_")) >= 3


def validate_system_profiler_file(filename: str) -> bool:
    """Whether the file holds metrics of the machine: `…/system/…/<time>.algo-<n>.json`."""
    return re.match(r".+/system/.+/(\d{10}).algo-\d+.json", filename) is not None


def get_node_id_from_tracefilename(filename: str) -> str:
    if is_valid_tracefilename(filename):
        return filename.rsplit("/", maxsplit=1)[-1].split("_")[1]
    return read_tf_profiler_metadata_file(filename)[0]


def get_node_id_from_system_profiler_filename(filename: str) -> str | None:
    return filename.rsplit("/", maxsplit=1)[-1].split(".")[1] if validate_system_profiler_file(filename) else None


def get_timestamp_from_tracefilename(filename: str) -> int:
    """The end of the file's last event in microseconds; 0 when the name does not give it."""
    if is_valid_tracefilename(filename):
        return int(filename.rsplit("/", maxsplit=1)[-1].split("_", maxsplit=1)[0])
    return int(read_tf_profiler_metadata_file(filename)[2])


def get_utctimestamp_us_since_epoch_from_system_profiler_file(filename: str) -> int | None:
    if not validate_system_profiler_file(filename):
        return None
    return int(filename.rsplit("/", maxsplit=1)[-1].split(".", maxsplit=1)[0]) * 1000 * 1000


def str2bool(v: Any) -> bool:
    if isinstance(v, bool):
        return v
    text = str(v).lower()
    if text in ("y", "yes", "t", "true", "on", "1"):
        return True
    if text in ("n", "no", "f", "false", "off", "0"):
        return False
    raise ValueError(f"invalid truth value {text!r}")


def read_tf_profiler_metadata_file(file_path: str) -> tuple[str, str, str]:
    """Node, start and end of a trace of TensorFlow's profiler, from the name of the `.metadata` file beside it."""
    if not is_valid_tfprof_tracefilename(file_path):
        return "", "0", "0"
    folder = "/".join(file_path.split("/")[:-4])
    names = [key for key in current_access().folder(folder).keys("") if key.endswith(".metadata")]
    if not names:
        return "", "0", "0"
    node, start, end = names[0].split("/")[-1].split("_")
    return node, start, end.split(".")[0]


def content_of(address: str) -> bytes:
    """Read a file. Raises FileNotFoundError."""
    found = S3Handler.get_object(ReadObjectRequest(address))
    if found is None:
        raise FileNotFoundError(address)
    return found

"""Small functions that smdebug's modules and users' rules share."""

from __future__ import annotations

import bisect
import json
import os
import re
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from gridwatch_rules.rules.custom.smdebug.core.logger import get_logger
from gridwatch_rules.rules.custom.smdebug.exceptions import (
    IndexReaderException,
    SMDebugRuntimeError,
    SMDebugTypeError,
    SMDebugValueError,
)

logger = get_logger()


class FRAMEWORK(Enum):
    PYTORCH = "pytorch"
    TENSORFLOW = "tensorflow"
    MXNET = "mxnet"
    XGBOOST = "xgboost"


def make_numpy_array(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return x
    if np.isscalar(x):
        return np.array([x])
    if isinstance(x, tuple | list):
        return np.asarray(x)
    if isinstance(x, dict):
        return np.array(x)
    raise SMDebugTypeError(f"_make_numpy_array does not support the type {type(x)!s}")


def ensure_dir(file_path: str, is_file: bool = True) -> None:
    directory = os.path.dirname(file_path) if is_file else file_path
    if directory:
        Path(directory).mkdir(parents=True, exist_ok=True)


def load_json_as_dict(s: Any) -> Any:
    if s is None or s == str(None):
        return None
    if isinstance(s, str):
        return json.loads(s)
    if isinstance(s, dict):
        return s
    raise SMDebugValueError("parameter must be either str or dict")


def flatten(lis: Sequence[Any]) -> list[Any]:
    """The items of a list and of the lists in it."""
    found: list[Any] = []
    for item in lis:
        found.extend(flatten(item) if type(item) is list else [item])
    return found


def split(comma_separated_string: str) -> list[str]:
    return [part.strip() for part in comma_separated_string.split(",")]


def merge_two_dicts(x: dict[Any, Any], y: dict[Any, Any]) -> dict[Any, Any]:
    return {**x, **y}


def get_immediate_subdirectories(a_dir: str) -> list[str]:
    return [entry.name for entry in os.scandir(a_dir) if entry.is_dir()]


def is_s3(path: str) -> tuple[bool, str | None, str | None]:
    """Whether the path is an S3 address, with its bucket and its key."""
    if not path.startswith("s3://"):
        return False, None, None
    bucket, _, key = path[5:].partition("/")
    return True, bucket, key


def list_files_in_directory(directory: str, file_regex: Any = None) -> list[str]:
    return [
        os.path.join(root, name)
        for root, _, names in os.walk(directory)
        for name in names
        if file_regex is None or re.match(file_regex, name)
    ]


def list_collection_files_in_directory(directory: str) -> list[str]:
    return list_files_in_directory(directory, file_regex=re.compile(".*_?collections.json$"))


def serialize_tf_device(device: str) -> str:
    """Convert TensorFlow's name of a device to its form in file names: `_replica-0_task-0_device-GPU-0`."""
    return device.replace("/", "_").replace(":", "-")


def deserialize_tf_device(device_name: str) -> str:
    return device_name.replace("_", "/").replace("-", ":")


def match_inc(tname: str, include: Sequence[str]) -> bool:
    """Whether one of the patterns is found anywhere in the name."""
    return any(re.search(pattern, tname) for pattern in include)


def index(sorted_list: Sequence[Any], elem: Any) -> int:
    place = bisect.bisect_left(sorted_list, elem)
    if place != len(sorted_list) and sorted_list[place] == elem:
        return place
    raise SMDebugValueError(f"Could not find {elem} in the list")


def step_in_range(range_steps: tuple[Any, Any], step: Any) -> bool:
    begin, end = range_steps
    return (begin is None or int(step) >= int(begin)) and (end is None or int(step) < int(end))


def get_relative_event_file_path(path: str) -> str:
    parts = Path(path).parts
    if parts[-3] not in ("events", "tensorboard"):
        raise SMDebugRuntimeError(f"Invalid path: {path!s}, should contain either 'events' or 'tensorboard'")
    return os.path.join(*parts[-3:])


def get_path_to_events_directory(path: str) -> str:
    return os.path.join(path, "events", "")


def get_path_to_collections(directory: str) -> str:
    return os.path.join(directory, "collections", "000000000", "")


def size_and_shape(t: Any) -> tuple[int, Any]:
    return (len(t), [len(t)]) if type(t) in (bytes, str) else (t.nbytes, t.shape)


def get_worker_name_from_collection_file(filename: str) -> str:
    """The worker in a collections file's name. A leading underscore marks the name of a TensorFlow device."""
    found = re.match(r".*/collections/.+/(.+)_collections.(json|ts)", filename)
    if found is None:
        raise IndexReaderException(f"Invalid File Found: {filename}")
    worker = found.group(1)
    return deserialize_tf_device(worker) if worker.startswith("_") else worker


def parse_worker_name_from_file(filename: str) -> str:
    """The worker in the name of an index or events file. A `__` marks the name of a TensorFlow device."""
    found = re.match(r".+\/\d+_(.+)\.(json|csv|tfevents)$", filename)
    if found is None:
        raise IndexReaderException(f"Invalid File Found: {filename}")
    worker = found.group(1)
    return deserialize_tf_device(worker) if "__" in filename else worker


def remove_file_if_exists(file_path: str) -> None:
    Path(file_path).unlink(missing_ok=True)


def validate_custom_tensor_value(tensor_value: Any, make_numpy_fn: Callable[[Any], Any]) -> bool:
    try:
        make_numpy_fn(tensor_value)
    except TypeError:
        return False
    return True

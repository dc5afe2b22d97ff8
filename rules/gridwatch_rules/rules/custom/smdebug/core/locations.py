"""The places of tensors and index objects."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from gridwatch_rules.rules.custom.smdebug.core.logger import get_logger
from gridwatch_rules.rules.custom.smdebug.core.modes import ModeKeys
from gridwatch_rules.rules.custom.smdebug.core.utils import get_immediate_subdirectories

logger = get_logger()

STEP_NUMBER_FORMATTING_LENGTH = "012"


class TensorLocation:
    """The place of a worker's tensor of a step: bytes in an events file."""

    __slots__ = ("event_file_name", "length", "mode", "mode_step", "start_idx", "tensorname", "worker")

    def __init__(
        self, tname: str, mode: ModeKeys, mode_step: int, event_file_name: str, start_idx: int, length: int, worker: str
    ) -> None:
        self.tensorname = tname
        self.mode = mode
        self.mode_step = int(mode_step)
        self.event_file_name = event_file_name
        self.start_idx = start_idx
        self.length = length
        self.worker = worker

    def to_dict(self) -> dict[str, Any]:
        return {"tensorname": self.tensorname, "start_idx": self.start_idx, "length": self.length}


class TensorShape:
    """A tensor's shape at a step, and the framework's name for the tensor."""

    __slots__ = ("mode", "mode_step", "name", "original_name", "shape")

    def __init__(
        self, name: str, mode: ModeKeys, mode_step: int, shape: Sequence[int], original_name: str | None = None
    ) -> None:
        self.name = name
        self.original_name = original_name if original_name is not None else name
        self.mode = mode
        self.mode_step = mode_step
        self.shape = tuple(shape)

    def to_dict(self) -> dict[str, Any]:
        return {"tensorname": self.name, "originalname": self.original_name, "shape": self.shape}


class TensorFileLocation:
    """The events file of a worker's step."""

    def __init__(self, step_num: int, worker_name: str) -> None:
        self.step_num = int(step_num)
        self.worker_name = worker_name
        self.type = "events"

    def get_step_num_str(self) -> str:
        return format(self.step_num, STEP_NUMBER_FORMATTING_LENGTH)

    def get_filename(self) -> str:
        return f"{self.get_step_num_str()}_{self.worker_name}.tfevents"

    @classmethod
    def match_regex(cls, s: str) -> TensorFileLocation | None:
        return cls.load_filename(s, print_error=False)

    @classmethod
    def load_filename(cls, s: str, print_error: bool = True) -> TensorFileLocation | None:
        found = re.search(r"(.*)_(.*).tfevents$", os.path.basename(s))
        if found is None:
            if print_error:
                logger.error("Failed to load efl: %s", s)
            return None
        return cls(step_num=int(found.group(1)), worker_name=found.group(2))

    @staticmethod
    def get_dir(trial_dir: str) -> str:
        return os.path.join(trial_dir, "events")

    def get_file_location(self, trial_dir: str = "") -> str:
        folder = self.get_dir(trial_dir) if trial_dir else self.type
        return os.path.join(folder, self.get_step_num_str(), self.get_filename())

    @classmethod
    def get_step_dirs(cls, trial_dir: str) -> list[str]:
        return get_immediate_subdirectories(cls.get_dir(trial_dir))

    @classmethod
    def get_step_dir_path(cls, trial_dir: str, step_num: int) -> str:
        return os.path.join(cls.get_dir(trial_dir), format(int(step_num), STEP_NUMBER_FORMATTING_LENGTH))


class IndexFileLocationUtils:
    """Names index objects, with a thousand steps in a folder."""

    MAX_INDEX_FILE_NUM_IN_INDEX_PREFIX = 1000

    @staticmethod
    def get_index_prefix_for_step(step_num: int) -> str:
        return format(step_num // IndexFileLocationUtils.MAX_INDEX_FILE_NUM_IN_INDEX_PREFIX, "09")

    @staticmethod
    def next_index_prefix_for_step(step_num: int) -> str:
        return format(step_num // IndexFileLocationUtils.MAX_INDEX_FILE_NUM_IN_INDEX_PREFIX + 1, "09")

    @staticmethod
    def get_index_key_for_step(trial_prefix: str, step_num: int, worker_name: str) -> str:
        folder = IndexFileLocationUtils.get_index_prefix_for_step(step_num)
        return os.path.join(trial_prefix, "index", folder, f"{step_num:012d}_{worker_name}.json")

    @staticmethod
    def get_step_from_idx_filename(index_file_name: str) -> int:
        return int(index_file_name.split("_")[1])

    @staticmethod
    def parse_step_from_index_file_name(index_file_name: str) -> int:
        return int(os.path.basename(index_file_name).split("_")[0])

    @staticmethod
    def get_index_path(path: str) -> str:
        return os.path.join(path, "index")

    @staticmethod
    def get_prefix_from_index_file(index_file: str) -> str:
        found = re.match(r"(.+)/index/.+$", index_file)
        if found is None:
            raise ValueError(f"{index_file} is no index file")
        return found.group(1)

"""The names that the Python profiler uses."""

from __future__ import annotations

from enum import Enum, IntEnum

from gridwatch_rules.rules.custom.smdebug.core.modes import ModeKeys
from gridwatch_rules.rules.custom.smdebug.profiler.profiler_constants import CPROFILE_NAME, PYINSTRUMENT_NAME


class PythonProfileModes(IntEnum):
    TRAIN = 1
    EVAL = 2
    PREDICT = 3
    GLOBAL = 4
    PRE_STEP_ZERO = 5
    POST_HOOK_CLOSE = 6


class StepPhase(Enum):
    START = "start"
    STEP_START = "stepstart"
    FORWARD_PASS_END = "forwardpassend"  # noqa: S105  (a phase)
    STEP_END = "stepend"
    END = "end"


class PythonProfilerName(Enum):
    CPROFILE = CPROFILE_NAME
    PYINSTRUMENT = PYINSTRUMENT_NAME


def str_to_python_profile_mode(mode_str: str) -> PythonProfileModes:
    for mode in PythonProfileModes:
        if python_profile_mode_to_str(mode) == mode_str:
            return mode
    raise Exception("Invalid mode")


def python_profile_mode_to_str(mode: PythonProfileModes) -> str:
    return PythonProfileModes(mode).name.lower().replace("_", "")


def mode_keys_to_python_profile_mode(mode: ModeKeys) -> PythonProfileModes:
    return PythonProfileModes(mode.value)

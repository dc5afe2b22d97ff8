"""Names the files below `profiler-output/` as Debugger's profiler does, so that smdebug's metrics readers find them."""

from __future__ import annotations

import time

PROFILE_FOLDER = "profiler-output"
TENSORS_FOLDER = "debug-output"


def system_key(second: int, node: str) -> str:
    """The file of system metrics that begins at a second since 1970."""
    return f"system/incremental/{_hour(second)}/{second:010d}.{node}.json"


def timeline_key(end_us: int, process: int, node: str) -> str:
    """The file of framework metrics whose last event ended at a microsecond since 1970."""
    return f"framework/pevents/{_hour(end_us // 1_000_000)}/{end_us}_{process}-{node}_pythontimeline.json"


def _hour(second: int) -> str:
    return time.strftime("%Y%m%d%H", time.gmtime(second))

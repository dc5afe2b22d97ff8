"""Reads the metrics of a job's machines."""

from __future__ import annotations

import bisect
import os
from typing import Any

from gridwatch_rules.rules.custom.smdebug.core.utils import is_s3
from gridwatch_rules.rules.custom.smdebug.profiler.metrics_reader_base import MetricsReaderBase
from gridwatch_rules.rules.custom.smdebug.profiler.profiler_constants import (
    DEFAULT_SYSTEM_PROFILER_PREFIX,
    TIME_BUFFER_DEFAULT,
)
from gridwatch_rules.rules.custom.smdebug.profiler.system_profiler_file_parser import ProfilerSystemEvents
from gridwatch_rules.rules.custom.smdebug.profiler.utils import (
    get_utctimestamp_us_since_epoch_from_system_profiler_file,
)


class SystemMetricsReader(MetricsReaderBase):
    def __init__(self, use_in_memory_cache: bool = False) -> None:
        super().__init__(use_in_memory_cache)
        self.prefix = DEFAULT_SYSTEM_PROFILER_PREFIX
        self._SystemProfilerEventParser = ProfilerSystemEvents()
        self._event_parsers = [self._SystemProfilerEventParser]

    def _get_event_files_in_the_range(
        self, start_time_microseconds: Any, end_time_microseconds: Any, use_buffer: bool = True
    ) -> list[str]:
        """The files that may hold events between the times, from the file before to the file after."""
        buffer = TIME_BUFFER_DEFAULT if use_buffer else 0
        start, end = start_time_microseconds - buffer, end_time_microseconds + buffer
        if end >= self.get_timestamp_of_latest_available_file():
            self.refresh_event_file_list()
        times = sorted(self._timestamp_to_filename)
        first = max(bisect.bisect_right(times, start) - 1, 0)
        last = bisect.bisect_left(times, end)
        return [name for time in times[first : last + 1] for name in self._timestamp_to_filename[time]]

    def _get_event_parser(self, filename: str) -> ProfilerSystemEvents:
        return self._SystemProfilerEventParser

    def _get_timestamp_from_filename(self, event_file: str) -> int | None:
        return get_utctimestamp_us_since_epoch_from_system_profiler_file(event_file)

    def _get_event_file_regex(self) -> str:
        return r"(.+)\.json"


class LocalSystemMetricsReader(SystemMetricsReader):
    """Reads metrics in a folder that holds `system/`."""

    def __init__(self, trace_root_folder: str, use_in_memory_cache: bool = False) -> None:
        self.trace_root_folder = trace_root_folder
        super().__init__(use_in_memory_cache)
        self.refresh_event_file_list()

    def refresh_event_file_list(self) -> None:
        self._look_below(os.path.expanduser(self.trace_root_folder))


class S3SystemMetricsReader(SystemMetricsReader):
    """Reads metrics at an S3 address below which there is `system/`."""

    def __init__(self, s3_trial_path: str, use_in_memory_cache: bool = False) -> None:
        super().__init__(use_in_memory_cache)
        _, self.bucket_name, self.base_folder = is_s3(s3_trial_path)
        self.prefix = os.path.join(self.base_folder or "", self.prefix, "")
        self.refresh_event_file_list()

    def refresh_event_file_list(self) -> None:
        self._look_below(f"s3://{self.bucket_name}")

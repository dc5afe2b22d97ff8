"""Reads the timelines of a job's framework."""

from __future__ import annotations

import bisect
import os
from typing import Any

from gridwatch_rules.rules.custom.smdebug.core.utils import is_s3
from gridwatch_rules.rules.custom.smdebug.profiler.metrics_reader_base import MetricsReaderBase
from gridwatch_rules.rules.custom.smdebug.profiler.profiler_constants import (
    HOROVODTIMELINE_SUFFIX,
    MODELTIMELINE_SUFFIX,
    PYTHONTIMELINE_SUFFIX,
    SMDATAPARALLELTIMELINE_SUFFIX,
    TENSORBOARDTIMELINE_SUFFIX,
    TIME_BUFFER_DEFAULT,
)
from gridwatch_rules.rules.custom.smdebug.profiler.tf_profiler_parser import (
    HorovodProfilerEvents,
    SMDataParallelProfilerEvents,
    SMProfilerEvents,
    TensorboardProfilerEvents,
)
from gridwatch_rules.rules.custom.smdebug.profiler.utils import get_timestamp_from_tracefilename


class AlgorithmMetricsReader(MetricsReaderBase):
    def __init__(self, use_in_memory_cache: bool = False) -> None:
        super().__init__(use_in_memory_cache)
        self.prefix = "framework"
        self._parser_by_suffix: dict[str, Any] = {
            PYTHONTIMELINE_SUFFIX: SMProfilerEvents(),
            MODELTIMELINE_SUFFIX: SMProfilerEvents(type="DetailedframeworkMetrics"),
            TENSORBOARDTIMELINE_SUFFIX: TensorboardProfilerEvents(),
            HOROVODTIMELINE_SUFFIX: HorovodProfilerEvents(),
            SMDATAPARALLELTIMELINE_SUFFIX: SMDataParallelProfilerEvents(),
        }
        self._event_parsers = list(self._parser_by_suffix.values())

    def get_current_time_range_for_event_query(self) -> tuple[int, int]:
        return self.get_timestamp_of_first_available_file(), self.get_timestamp_of_latest_available_file()

    def _get_event_files_in_the_range(
        self, start_time_microseconds: Any, end_time_microseconds: Any, use_buffer: bool = True
    ) -> list[str]:
        """The files that may hold events between the times. A file is named after the end of its last event."""
        buffer = TIME_BUFFER_DEFAULT if use_buffer else 0
        start, end = start_time_microseconds - buffer, end_time_microseconds + buffer
        self.refresh_event_file_list()
        times = sorted(self._timestamp_to_filename)
        first, last = bisect.bisect_left(times, start), bisect.bisect_left(times, end)
        return [name for time in times[first : last + 1] for name in self._timestamp_to_filename[time]]

    def _get_event_parser(self, filename: str) -> Any:
        return next((parser for suffix, parser in self._parser_by_suffix.items() if suffix in filename), None)

    def _get_timestamp_from_filename(self, event_file: str) -> int:
        return get_timestamp_from_tracefilename(event_file)

    def _get_event_file_regex(self) -> str:
        return r"(.+)\.(json|csv|json.gz)$"


class LocalAlgorithmMetricsReader(AlgorithmMetricsReader):
    """Reads timelines in a folder that holds `framework/`."""

    def __init__(self, trace_root_folder: str, use_in_memory_cache: bool = False) -> None:
        self.trace_root_folder = trace_root_folder
        super().__init__(use_in_memory_cache)
        self.refresh_event_file_list()

    def refresh_event_file_list(self) -> None:
        self._look_below(os.path.expanduser(self.trace_root_folder))


class S3AlgorithmMetricsReader(AlgorithmMetricsReader):
    """Reads timelines at an S3 address below which there is `framework/`."""

    def __init__(self, s3_trial_path: str, use_in_memory_cache: bool = False) -> None:
        super().__init__(use_in_memory_cache)
        _, self.bucket_name, self.base_folder = is_s3(s3_trial_path)
        self.prefix = os.path.join(self.base_folder or "", self.prefix, "")
        self.refresh_event_file_list()

    def refresh_event_file_list(self) -> None:
        self._look_below(f"s3://{self.bucket_name}")

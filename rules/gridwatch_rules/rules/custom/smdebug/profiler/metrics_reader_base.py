"""The base of the readers of a profile: the list of files by time, and the events in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from gridwatch_rules.rules.custom.recorded import current_access
from gridwatch_rules.rules.custom.smdebug.core.logger import get_logger
from gridwatch_rules.rules.custom.smdebug.profiler.profiler_constants import PYTHONTIMELINE_SUFFIX
from gridwatch_rules.rules.custom.smdebug.profiler.utils import (
    TimeUnits,
    convert_utc_timestamp_to_microseconds,
    is_valid_tfprof_tracefilename,
    is_valid_tracefilename,
    validate_system_profiler_file,
)


class MetricsReaderBase:
    """Reads files on demand, each only once if `use_in_memory_cache` is set."""

    def __init__(self, use_in_memory_cache: bool = False) -> None:
        self.logger = get_logger()
        self.prefix = ""
        self._event_parsers: list[Any] = []
        self._timestamp_to_filename: dict[int, list[str]] = {}
        self._parsed_files: set[str] = set()
        self._cache_events_in_memory = use_in_memory_cache

    def get_all_event_parsers(self) -> list[Any]:
        return self._event_parsers

    def get_timestamp_of_first_available_file(self) -> int:
        """The time of the first file in microseconds; 0 where there is none."""
        return min(self._timestamp_to_filename, default=0)

    def get_timestamp_of_latest_available_file(self) -> int:
        return max(self._timestamp_to_filename, default=0)

    def refresh_event_file_list(self) -> None:
        """Update the list of files."""

    def parse_event_files(self, event_files: Iterable[str]) -> None:
        for event_file in event_files:
            sound = (
                is_valid_tracefilename(event_file)
                or is_valid_tfprof_tracefilename(event_file)
                or validate_system_profiler_file(event_file)
            )
            if sound and event_file not in self._parsed_files:
                self._get_event_parser(event_file).read_events_from_file(event_file)
                self._parsed_files.add(event_file)

    def get_events(
        self,
        start_time: Any,
        end_time: Any,
        unit: TimeUnits = TimeUnits.MICROSECONDS,
        event_type: str | None = None,
        file_suffix_filter: list[str] | None = None,
    ) -> list[Any]:
        """The events between two times, from all files or only from those with the given suffixes."""
        start = convert_utc_timestamp_to_microseconds(start_time, unit)
        end = convert_utc_timestamp_to_microseconds(end_time, unit)
        files = self._get_event_files_in_the_range(start, end)
        if file_suffix_filter is not None:
            files = [each for each in files if each.endswith(tuple(file_suffix_filter))]
        self.parse_event_files(files)
        found: list[Any] = []
        for parser in self.get_all_event_parsers():
            kinds = () if event_type is None else (event_type,)
            found.extend(parser.get_events_within_time_range(start, end, TimeUnits.MICROSECONDS, *kinds))
            if not self._cache_events_in_memory:
                parser.clear_events()
                self._parsed_files = set()
        return found

    def get_events_by_step(
        self,
        start_step: int,
        end_step: int,
        event_type: str | None = None,
        file_suffix_filter: list[str] | None = None,
    ) -> list[Any]:
        """The events between the beginnings of two steps, which are taken from the Python timeline."""
        start, end = self._get_time_interval_for_step(start_step, end_step)
        return self.get_events(start, end, TimeUnits.MICROSECONDS, event_type, file_suffix_filter)

    def _get_time_interval_for_step(self, start_step: int, end_step: int) -> tuple[Any, Any]:
        latest = self.get_timestamp_of_latest_available_file() + 1
        events = self.get_events(0, latest, file_suffix_filter=[PYTHONTIMELINE_SUFFIX])
        begun: dict[int, Any] = {}
        for event in sorted(events, key=lambda each: each.start_time):
            args = getattr(event, "event_args", None) or {}
            if "step_num" in args:
                begun.setdefault(int(args["step_num"]), event.start_time)
        if start_step not in begun or end_step not in begun:
            self.logger.info("Invalid step interval [%s, %s]", start_step, end_step)
            return 0, 0
        return begun[start_step], begun[end_step] - 1

    def _get_event_parser(self, filename: str) -> Any:
        raise NotImplementedError

    def _get_event_file_regex(self) -> str:
        raise NotImplementedError

    def _get_timestamp_from_filename(self, event_file: str) -> int | None:
        raise NotImplementedError

    def _get_event_files_in_the_range(
        self, start_time_microseconds: Any, end_time_microseconds: Any, use_buffer: bool = True
    ) -> list[str]:
        raise NotImplementedError

    def _look_below(self, root: str) -> None:
        """Record the files below `<root>/<prefix>/` by their time."""
        for key in current_access().folder(root).keys(f"{self.prefix.strip('/')}/"):
            address = f"{root.rstrip('/')}/{key}"
            timestamp = self._get_timestamp_from_filename(address)
            if timestamp is not None and re.match(self._get_event_file_regex(), key.split("/")[-1]):
                files = self._timestamp_to_filename.setdefault(timestamp, [])
                if address not in files:
                    files.append(address)
                    files.sort()

"""Parses metrics of the machine, one JSON object on each line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from gridwatch_rules.rules.custom.smdebug.core.logger import get_logger
from gridwatch_rules.rules.custom.smdebug.profiler.utils import (
    TimeUnits,
    content_of,
    convert_utc_timestamp_to_nanoseconds,
)


class ProfilerSystemEvent:
    """One measurement. `type` is cpu, gpu, memory and the like; `timestamp` is in seconds."""

    def __init__(
        self, event_type: str, name: str | None, dimension: str, value: float, node_id: str, timestamp: float
    ) -> None:
        self.type = event_type
        self.name = name
        self.dimension = dimension
        self.value = value
        self.node_id = node_id
        self.timestamp = timestamp


class SystemProfilerEventParser:
    """Reads measurements from files and keeps them."""

    def __init__(self) -> None:
        self._events: list[ProfilerSystemEvent] = []
        self.logger = get_logger()

    def read_events_from_file(self, eventfile: str) -> None:
        """Read a file. An unreadable last line is ignored, because it may still be being written. Raises ValueError for
        other lines.
        """
        lines = content_of(eventfile).decode().splitlines()
        for number, line in enumerate(lines, 1):
            try:
                self.read_event_from_dict(json.loads(line))
            except (ValueError, KeyError) as error:
                if number < len(lines):
                    raise ValueError(
                        f"Can't open profiler system metric file {eventfile}: Exception {error}, line {number}"
                    ) from error

    def read_events_from_json_data(self, system_profiler_json_data: Iterable[Mapping[str, Any]]) -> None:
        for event in system_profiler_json_data:
            self.read_event_from_dict(event)

    def read_event_from_dict(self, event: Mapping[str, Any]) -> None:
        found = ProfilerSystemEvent(
            event["Type"], event.get("Name"), event["Dimension"], event["Value"], event["NodeId"], event["Timestamp"]
        )
        self._events.append(found)

    def get_events_within_time_range(
        self,
        start_time: Any,
        end_time: Any,
        unit: TimeUnits = TimeUnits.MICROSECONDS,
        event_type: str | None = None,
    ) -> list[ProfilerSystemEvent]:
        start = convert_utc_timestamp_to_nanoseconds(start_time, unit)
        end = convert_utc_timestamp_to_nanoseconds(end_time, unit)
        return [
            event
            for event in self._events
            if event_type in (None, event.type)
            and start <= convert_utc_timestamp_to_nanoseconds(event.timestamp, TimeUnits.SECONDS) <= end
        ]

    def get_all_events(self) -> list[ProfilerSystemEvent]:
        return self._events

    def clear_events(self) -> None:
        self._events = []


class ProfilerSystemEvents(SystemProfilerEventParser):
    pass

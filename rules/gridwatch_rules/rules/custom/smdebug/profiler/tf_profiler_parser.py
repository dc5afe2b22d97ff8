"""Parsers for timelines of smdebug's hooks, TensorFlow's profiler, Horovod and SageMaker's data parallel library."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from typing import Any

from gridwatch_rules.rules.custom.smdebug.profiler.trace_event_file_parser import TraceEventParser
from gridwatch_rules.rules.custom.smdebug.profiler.utils import content_of, read_tf_profiler_metadata_file


class SMProfilerEvents(TraceEventParser):
    def __init__(self, type: str = "PythontimelineMetrics") -> None:
        super().__init__(type=type)


class TensorboardProfilerEvents(TraceEventParser):
    def __init__(self) -> None:
        super().__init__(type="TFProfilerMetrics")

    def read_events_from_file(self, tracefile: str) -> None:
        node = tracefile.rsplit("/", maxsplit=1)[-1].split(".", maxsplit=1)[0]
        for event in self._events_in(tracefile):
            self._read_event(event, node)

    def get_events_within_range(self, start_time: datetime, end_time: datetime) -> Any:
        """Return nothing, as in smdebug, because this timeline's times are not those of a clock."""

    def _events_in(self, tracefile: str) -> list[Any]:
        try:
            events = json.loads(gzip.decompress(content_of(tracefile)))["traceEvents"]
        except (OSError, ValueError, KeyError, EOFError) as error:
            self.logger.error("Can't open TF trace file %s: Exception %s", tracefile, error)
            return []
        start = int(read_tf_profiler_metadata_file(tracefile)[1])
        described = [
            ("process_name", {"start_time_since_epoch_in_micros": start}), ("process_sort_index", {"sort_index": 0}),
        ]  # fmt: skip
        return [{"name": name, "ph": "M", "pid": 0, "args": args} for name, args in described] + list(events)


class HorovodProfilerEvents(TraceEventParser):
    def __init__(self) -> None:
        super().__init__()

    def type(self) -> str:
        return "HorovodMetrics"


class SMDataParallelProfilerEvents(TraceEventParser):
    def __init__(self) -> None:
        super().__init__(type="SMDataParallelMetrics")

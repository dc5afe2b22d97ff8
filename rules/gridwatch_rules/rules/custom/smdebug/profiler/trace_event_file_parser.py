"""Parses spans of time in the format of Chrome's traces, which timelines use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from gridwatch_rules.rules.custom.smdebug.core.logger import get_logger
from gridwatch_rules.rules.custom.smdebug.profiler.utils import (
    TimeUnits,
    content_of,
    convert_utc_datetime_to_microseconds,
    convert_utc_timestamp_to_microseconds,
    get_node_id_from_tracefilename,
)

_WITHOUT_NAMES = ("SMDataParallelMetrics", "HorovodMetrics")  # the timelines in which ends of spans carry no name


class ThreadInfo:
    def __init__(self, tid: Any, thread_name: str) -> None:
        self.tid = tid
        self.thread_name = thread_name

    def __repr__(self) -> str:
        return f"tid:{self.tid} name:{self.thread_name}"


class ProcessInfo:
    """A phase of the training, and the threads seen in it. When there are several workers, each is a thread."""

    def __init__(self, id: Any, name: str) -> None:
        self.id = id
        self.name = name
        self._threads: dict[Any, ThreadInfo] = {}

    def add_thread(self, threadid: Any, thread_name: str) -> None:
        self._threads.setdefault(threadid, ThreadInfo(threadid, thread_name))

    def get_thread_info(self, threadid: Any) -> ThreadInfo:
        return self._threads[threadid]

    def __repr__(self) -> str:
        return f"id:{self.id} name:{self.name} threads:{self._threads}"


class TraceEvent:
    """One span. Times are in microseconds. `phase_pid` and `phase_tid` are the timeline's numbers, `pid` and `tid` the
    machine's.
    """

    def __init__(
        self,
        ts: Any,
        name: str,
        dur: Any,
        phase_pid: Any,
        phase_tid: Any,
        event_args: Any,
        node_id: str,
        phase: str,
        file_type: str,
        event_phase: str = "",
        pid: Any = 0,
        tid: Any = 0,
        process_info: ProcessInfo | None = None,
    ) -> None:
        self.start_time = ts
        self.event_name = name
        self.duration = dur
        self.end_time = ts + dur
        self.phase_pid = phase_pid
        self.phase_tid = phase_tid
        self.pid = pid
        self.tid = tid
        self.event_args = event_args
        self.node_id = node_id
        self.phase = phase
        self.event_phase = event_phase
        self.process_info = process_info
        self.file_type = file_type

    def to_json(self) -> str:
        document = {
            "name": self.event_name,
            "pid": self.pid,
            "tid": self.tid,
            "ph": self.phase,
            "ts": self.start_time,
        }
        if self.phase == "i" and self.event_args:
            document["s"] = self.event_args.pop("s", "t")
        elif self.phase == "X":
            document["dur"] = self.duration
        if self.event_args:
            document["args"] = self.event_args
        return json.dumps(document)


class TraceEventParser:
    """Reads spans from files and keeps them."""

    def __init__(self, type: str = "") -> None:
        self._processes: dict[Any, ProcessInfo] = {}
        self._process_name_to_id: dict[str, Any] = {}
        self._trace_events: list[TraceEvent] = []
        self._pid_stacks: dict[Any, list[Any]] = {}  # open spans by process
        self._start_timestamp = 0
        self.type: Any = type
        self.logger = get_logger()

    def read_trace_file(self) -> None:
        """Nothing, as in smdebug."""

    def read_events_from_file(self, tracefile: str) -> None:
        """Read a file. An unreadable file is ignored."""
        try:
            document = json.loads(content_of(tracefile))
        except (OSError, ValueError) as error:
            self.logger.error("Can't open trace file %s: Exception %s", tracefile, error)
            return
        self.read_events_from_json_data(document, get_node_id_from_tracefilename(tracefile))

    def read_events_from_json_data(self, trace_json_data: Iterable[Any], node_id: str) -> None:
        for event in trace_json_data:
            self._read_event(event, node_id)

    def get_all_events(self) -> list[TraceEvent]:
        return self._trace_events

    def get_events_start_time_sorted(self) -> list[TraceEvent]:
        return sorted(self._trace_events, key=lambda event: event.start_time)

    def get_events_end_time_sorted(self) -> list[TraceEvent]:
        return sorted(self._trace_events, key=lambda event: event.end_time)

    def get_events_within_time_range(
        self, start_time: Any, end_time: Any, unit: TimeUnits = TimeUnits.MICROSECONDS
    ) -> list[TraceEvent]:
        """The spans of which any part lies between the times."""
        start = convert_utc_timestamp_to_microseconds(start_time, unit)
        end = convert_utc_timestamp_to_microseconds(end_time, unit)
        return [event for event in self._trace_events if not (event.end_time < start or end < event.start_time)]

    def get_events_within_range(self, start_time: datetime, end_time: datetime) -> Any:
        start, end = (
            convert_utc_datetime_to_microseconds(at) if at.__class__ is datetime else 0 for at in (start_time, end_time)
        )
        return self.get_events_within_time_range(start, end, unit=TimeUnits.MICROSECONDS)

    def get_process_info(self, process_id: Any) -> ProcessInfo:
        return self._processes[process_id]

    def get_processes(self) -> dict[Any, ProcessInfo]:
        return self._processes

    def get_events_for_process(self, pid: Any, start_time: Any, end_time: Any) -> None:
        """Nothing, as in smdebug."""

    def get_events_for_thread(self, tid: Any, start_time: Any, end_time: Any) -> None:
        """Nothing, as in smdebug."""

    def clear_events(self) -> None:
        self._trace_events = []

    def _read_event(self, event: dict[str, Any], node_id: str = "") -> None:
        if "ph" not in event:
            return
        parts = re.match("(.*)-(algo.*)", node_id) if node_id is not None else None
        if parts is not None:
            node_id = f"{parts[2]}-{parts[1]}"
        kind = event["ph"]
        if kind == "M":
            self._read_description(event, node_id)
        elif kind == "X":
            self._read_span(event, node_id)
        elif kind == "B":
            self._pid_stacks.setdefault(event["pid"], []).append(event)
        elif kind == "E":
            self._read_end(event, node_id)

    def _read_description(self, event: dict[str, Any], node_id: str) -> None:
        pid = event["pid"]
        if event["name"] == "process_name":
            name = event["args"].get("name", "Unknown")
            # When several nodes report, the phase that was seen first keeps the name.
            self._processes[pid] = ProcessInfo(self._process_name_to_id.setdefault(name, pid), name)
        self._thread_of(event, node_id)
        start = (event.get("args") or {}).get("start_time_since_epoch_in_micros")
        if start is not None:
            self._start_timestamp = start

    def _thread_of(self, event: dict[str, Any], node_id: str = "", default: Any = None, phase_name: str = "") -> Any:
        """The thread that an event names, or one made from the node and a default; None where there is neither."""
        if self.type in _WITHOUT_NAMES and event.get("ph") == "E":
            event.setdefault("name", "")
        if event["name"] == "thread_name":
            name, thread = f"{node_id}_{event['args']['name']}", event["tid"]
        elif event["name"] == "thread_sort_index":
            name, thread = "Unknown", event["tid"]
        elif default is not None:
            name = f"{node_id}_{default}"
            thread = hash(name + str(phase_name))
        else:
            return None
        self._processes.setdefault(event["pid"], ProcessInfo(event["pid"], "Unknown")).add_thread(thread, name)
        return thread

    def _read_span(self, event: dict[str, Any], node_id: str) -> None:
        phase_name = self._phase_name(event["pid"])
        tid = event.get("tid", 0)
        if not ("tid" in event and self._knows(event["pid"], tid)):
            tid = self._thread_of(event, node_id, default=tid, phase_name=phase_name)
        start = event["ts"] + self._start_timestamp
        self._keep(event, event["name"], start, event["dur"], tid, phase_name, node_id)

    def _read_end(self, event: dict[str, Any], node_id: str) -> None:
        pid = event["pid"]
        if pid not in self._pid_stacks:
            self.logger.info("Did not find the 'B' type event in the pid %s . Skipping event: %s", pid, event)
            return
        begun = self._pid_stacks[pid].pop()
        duration = event["ts"] - begun["ts"]
        if duration < 0:
            self.logger.error("A span of process %s ends before it begins: %s, %s", pid, begun["ts"], event["ts"])
            return
        phase_name = self._phase_name(pid)
        tid = begun["tid"] if "tid" in event else "0"
        if "tid" in event and self._knows(pid, tid):
            tid = self._processes[pid].get_thread_info(tid)
        else:
            tid = self._thread_of(event, node_id, default=tid, phase_name=phase_name)
        start = begun["ts"] + self._start_timestamp
        self._keep(event, begun["name"], start, duration, tid, phase_name, node_id)

    def _keep(
        self, event: Mapping[str, Any], name: str, start: Any, duration: Any, tid: Any, phase_name: str, node_id: str
    ) -> None:
        given = event.get("args")
        known = given or {}
        found = TraceEvent(
            start, name, duration, event["pid"], tid, given, node_id, "X", self.type, phase_name,
            known.get("pid", event["pid"]), known.get("thread_id", tid), self._processes[event["pid"]],
        )  # fmt: skip
        self._trace_events.append(found)

    def _phase_name(self, pid: Any) -> str:
        return self._processes[pid].name if pid in self._processes else "Unknown"

    def _knows(self, pid: Any, tid: Any) -> bool:
        return pid in self._processes and tid in self._processes[pid]._threads

"""The measurements that profiler rules judge: samples of a machine, and spans of the training's activity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SAMPLE_SECONDS = 0.02  # seconds; events of a node this close together are one sample, as in Debugger's own rules
STEP_PHASE = "Step:ModeKeys."


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample of one node at one time (Unix seconds). Maps from core and GPU names are in percent; `rates` are in
    bytes or operations a second.
    """

    node: str
    time: float
    cpu: Mapping[str, float] = field(default_factory=dict)
    io_wait: Mapping[str, float] = field(default_factory=dict)
    gpu: Mapping[str, float] = field(default_factory=dict)
    gpu_memory: Mapping[str, float] = field(default_factory=dict)
    memory: float | None = None  # percent
    rates: Mapping[str, float] = field(default_factory=dict)  # metric name -> value


@dataclass(frozen=True, slots=True)
class Span:
    """One activity of a process on a node, which lasted from `start` (Unix seconds) for `duration` seconds."""

    node: str
    phase: str  # "Step:ModeKeys.TRAIN", "DataLoaderIter", …
    name: str
    start: float
    duration: float
    step: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def time(self) -> float:
        """The end of the span, which is the time when it was recorded."""
        return self.start + self.duration

    @property
    def is_step(self) -> bool:
        return self.phase.startswith(STEP_PHASE)

    @property
    def mode(self) -> str:
        """The mode of a step: TRAIN, EVAL, PREDICT or GLOBAL; empty for a span that is no step."""
        return self.phase.removeprefix(STEP_PHASE) if self.is_step else ""


Measurement = Sample | Span


def samples(events: Iterable[Mapping[str, Any]]) -> list[Sample]:
    """Convert Debugger's events of system metrics, in the order of their file, into samples in the order of time."""
    groups: dict[str, list[list[Mapping[str, Any]]]] = {}
    events = list(events)
    if odd := next((event for event in events if not math.isfinite(float(event["Timestamp"]))), None):
        raise ValueError(f"the time {odd['Timestamp']}")
    for event in sorted(events, key=lambda each: float(each["Timestamp"])):
        of_node = groups.setdefault(str(event["NodeId"]), [])
        if not of_node or float(event["Timestamp"]) - float(of_node[-1][0]["Timestamp"]) > SAMPLE_SECONDS:
            of_node.append([])
        of_node[-1].append(event)
    return sorted((_sample(node, group) for node, each in groups.items() for group in each), key=lambda each: each.time)


def _sample(node: str, events: list[Mapping[str, Any]]) -> Sample:
    by_dimension: dict[str, dict[str, float]] = {}
    memory = None
    rates: dict[str, float] = {}
    for event in events:
        dimension, name, value = event["Dimension"], event.get("Name") or "", float(event["Value"])
        if dimension in ("CPUUtilization", "I/OWaitPercentage", "GPUUtilization", "GPUMemoryUtilization"):
            by_dimension.setdefault(dimension, {})[name] = value
        elif name == "MemoryUsedPercent":
            memory = value
        elif dimension != "Platform":  # includes SageMaker's own traffic besides the training's
            rates[name] = value
    return Sample(
        node=node,
        time=float(events[0]["Timestamp"]),
        cpu=by_dimension.get("CPUUtilization", {}),
        io_wait=by_dimension.get("I/OWaitPercentage", {}),
        gpu=by_dimension.get("GPUUtilization", {}),
        gpu_memory=by_dimension.get("GPUMemoryUtilization", {}),
        memory=memory,
        rates=rates,
    )

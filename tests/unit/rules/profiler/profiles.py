"""A job's profile in memory, written as Debugger's profiler writes it, and rules evaluated over it.

Independent of the hook's writer: the formats are those of smdebug's readers, which the interop tests hold the hook to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gridwatch_rules.rules.evaluation import RuleConfiguration
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.profiler.evaluation import ProfileEvaluation
from gridwatch_rules.rules.profiler.reader import ProfileReader
from gridwatch_rules.rules.status_change import RuleEvaluation
from tests.tensor_folder import MemorySource

BEGAN = 1_795_219_200.0  # 2026-11-21 00:00:00 UTC
INTERVAL = 0.5

_DIMENSIONS = {
    "cpu": ("cpu", "CPUUtilization"), "io_wait": ("cpu", "I/OWaitPercentage"),
    "gpu": ("gpu", "GPUUtilization"), "gpu_memory": ("gpu", "GPUMemoryUtilization"),
}  # fmt: skip


class Profile:
    """Collects events; each flush, on its own every few samples, makes a file of each kind and node.

    The files of one flush arrive together. (While a node is not known at all, its samples cannot be waited for.)
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self._events: dict[str, list[dict[str, Any]]] = {}
        self._spans: dict[str, list[dict[str, Any]]] = {}
        self._samples: dict[str, int] = {}
        self._flushed = [0]  # files there were after each flush

    @property
    def arrived(self) -> list[str]:
        return list(self.objects)

    @property
    def flushes(self) -> int:
        return len(self._flushed) - 1

    def sample(self, node: str = "algo-1", at: float | None = None, **values: Any) -> float:
        """One sample: `cpu=[10, 20]` by core, `io_wait`, `gpu`, `gpu_memory` alike, `memory=30`. Every half second."""
        if node == next(iter(self._events), None) and len({each["Timestamp"] for each in self._events[node]}) >= 8:
            self.flush()
        number = self._samples.get(node, 0)
        self._samples[node] = number + 1
        time = BEGAN + number * INTERVAL if at is None else BEGAN + at
        events = self._events.setdefault(node, [])
        for kind, given in values.items():
            if kind == "memory":
                events.append(event("memory", "MemoryUsedPercent", "", node, time=time, value=given))
                continue
            type_, dimension = _DIMENSIONS[kind]
            events += [
                event(type_, f"{type_}{n}", dimension, node, time=time, value=each) for n, each in enumerate(given)
            ]
        return time

    def span(
        self,
        phase: str,
        start: float,
        duration: float,
        *,
        step: int | None = None,
        node: str = "algo-1",
        **details: Any,
    ) -> None:
        """Add a span; `start` is in seconds since the profile began."""
        if len(self._spans.get(node, ())) >= 16 and not self._events:
            self.flush()
        arguments = details | ({} if step is None else {"step_num": str(step)})
        self._spans.setdefault(node, []).append(
            {"name": phase, "phase": phase, "ts": round(start * 1e6), "dur": round(duration * 1e6), "args": arguments}
        )

    def step(self, number: int, start: float, duration: float, mode: str = "TRAIN", *, node: str = "algo-1") -> None:
        self.span(f"Step:ModeKeys.{mode}", start, duration, step=number, node=node)

    def flush(self) -> Profile:
        """Framework metrics first, as the hook does."""
        for node, spans in self._spans.items():
            end = max(each["ts"] + each["dur"] for each in spans) + int(BEGAN * 1e6)
            self.objects[f"framework/pevents/2026112100/{end}_77-{node}_pythontimeline.json"] = _timeline(spans)
        for node, events in self._events.items():
            key = f"system/incremental/2026112100/{int(events[0]['Timestamp'])}.{node}.json"
            assert key not in self.objects
            self.objects[key] = "".join(json.dumps(each) + "\n" for each in events).encode()
        self._events, self._spans = {}, {}
        self._flushed.append(len(self.objects))
        return self

    def source(self, flushes: int | None = None) -> MemorySource:
        """The folder after this many flushes."""
        files = len(self.objects) if flushes is None else self._flushed[min(flushes, self.flushes)]
        return MemorySource({key: self.objects[key] for key in self.arrived[:files]})


def event(type_: str, name: str, dimension: str, node: str, *, time: float, value: float) -> dict[str, Any]:
    return {"Type": type_, "Name": name, "Dimension": dimension, "NodeId": node, "Timestamp": time, "Value": value}


def _timeline(spans: Sequence[Mapping[str, Any]]) -> bytes:
    began = {"start_time_since_epoch_in_micros": int(BEGAN * 1e6)}
    events: list[dict[str, Any]] = [{"name": "process_name", "ph": "M", "pid": 0, "args": began}]
    numbers: dict[str, int] = {}
    for each in spans:
        if each["phase"] not in numbers:
            numbers[each["phase"]] = len(numbers) + 1
            named = {"name": each["phase"]}
            events.append({"name": "process_name", "ph": "M", "pid": numbers[each["phase"]], "args": named})
        known = {"name": each["name"], "ph": "X", "pid": numbers[each["phase"]]}
        events.append(known | {"ts": each["ts"], "dur": each["dur"], "args": each["args"]})
    return json.dumps(events).encode()


def judge(profile: Profile, rule: str, splits: Sequence[int] = (), **parameters: Any) -> RuleEvaluation:
    """The rule's evaluation when the job is over. `splits`: evaluated after so many flushes as well, by a new
    process every time.
    """
    return evaluation(profile, rule, splits, **parameters).statuses["it"]


def evaluation(profile: Profile, rule: str, splits: Sequence[int] = (), **parameters: Any) -> ProfileEvaluation:
    configurations = [RuleConfiguration("it", rule, parameters)]
    saved: Mapping[str, Any] | None = None
    for flushes in [*sorted(splits), None]:
        found = ProfileEvaluation.restore(configurations, saved) if saved else ProfileEvaluation.create(configurations)
        found.advance(ProfileReader(profile.source(flushes)), ended=flushes is None)
        saved = json.loads(json.dumps(found.save(), allow_nan=False))
    return found


def find(profile: Profile, rule: str, **parameters: Any) -> Finding | None:
    """What the rule finds, checked to be the same when the files come flush by flush, by twos, and at once."""
    profile.flush()
    whole = judge(profile, rule, **parameters)
    assert whole.status != "Error", whole.details
    for splits in (range(profile.flushes), range(0, profile.flushes, 2)):
        assert judge(profile, rule, splits, **parameters) == whole
    return whole.finding

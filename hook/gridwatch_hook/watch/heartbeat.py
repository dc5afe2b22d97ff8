"""Tells regularly how far a rank has come, also while it makes no step.

Heartbeats are a stream of their own, in the folder `heartbeat-output`: its steps are moments (Unix seconds divided by
the interval), the same for all ranks. `status/worker_<rank>.json` has the newest one, with the training thread's stack
where it has stood still, and how many collective operations it has begun.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import platform
import sys
import traceback
from typing import Any

from gridwatch_hook.clock import Clock, SystemClock
from gridwatch_hook.collection import ANY_LOOP
from gridwatch_hook.config import HookConfig
from gridwatch_hook.hook import Hook
from gridwatch_hook.layout import MOST_STEPS
from gridwatch_hook.settings import Environment
from gridwatch_hook.sinks import Sink, open_sink
from gridwatch_hook.watch.recorder import PHASES, Recorder
from gridwatch_hook.watch.settings import WatchConfig

COLLECTION = "heartbeat"
_STANDSTILL = 3  # intervals without a sign of the training, after which its stack is told
_FRAMES = 30
_LONGEST_EVERY = 86_400.0


class Heartbeat:
    """The heartbeats of one rank. `last_step` is that of a former process of the same rank, or -1."""

    def __init__(
        self, hook: Hook, sink: Sink, recorder: Recorder, clock: Clock, *, every: float, rank: int, workers: int
    ) -> None:
        self._hook = hook
        self._sink = sink
        self._recorder = recorder
        self._clock = clock
        self._every = every
        self._rank = rank
        self._workers = workers
        self._key = f"status/worker_{rank}.json"
        self._tick = -1
        self._began = clock.wall()
        former = self._former()
        self.last_step = former.step
        self.taken = self._is_taken(former)

    @classmethod
    def create(
        cls, config: WatchConfig, environment: Environment, rank: int, workers: int, recorder: Recorder
    ) -> Heartbeat:
        """Open the folder of heartbeats. Raises ConfigError."""
        place = f"{config.place}/heartbeat-output"
        sink = open_sink(place, config.region)
        asked = HookConfig.parse({"HookParameters": {"include_workers": "all"}}, ANY_LOOP)
        hook = Hook.create(
            place, asked, rank=rank, workers=workers, environment=environment, sink=sink, every_worker=True
        )
        atexit.unregister(hook.close)  # the session closes it
        clock = SystemClock()
        return cls(hook, sink, recorder, clock, every=config.heartbeat_seconds, rank=rank, workers=workers)

    def beat(self, step: int) -> None:
        """Write a heartbeat if one is due; `step` is the last step that was written."""
        tick = int(self._clock.wall() / self._every)
        if tick <= self._tick:
            return
        self._tick = tick
        recorder = self._recorder
        phase, idle = recorder.phase, self._clock.monotonic() - recorder.moved_at
        self._hook.start_step(tick)
        code = PHASES.index(phase)
        for name, value in (("step", float(recorder.step - 1)), ("phase", float(code)), ("idle_seconds", idle)):
            self._hook.save_scalar(f"{COLLECTION}/{name}", value, COLLECTION)
        self._hook.start_step(tick + 1)
        self._tell(phase, idle, step)

    def close(self, step: int) -> None:
        """Write the last heartbeat."""
        try:
            self._tell("over", 0.0, step)
        finally:
            self._hook.close(2.0, backfill_seconds=1.0)

    def _tell(self, phase: str, idle: float, step: int) -> None:
        document = {
            "rank": self._rank, "workers": self._workers, "host": platform.node(), "process": os.getpid(),
            "step": max(step, self.last_step), "phase": phase, "idle_seconds": round(idle, 3),
            "at": self._clock.wall(), "every_seconds": self._every, "began": self._began,
        }  # fmt: skip
        if idle >= _STANDSTILL * self._every and phase != "over":
            document["stack"] = _stack(self._recorder.thread)
            document |= begun_collectives(sys.modules.get("torch._C._distributed_c10d"))
        self._sink.put(self._key, json.dumps(document).encode())

    def _former(self) -> _Former:
        try:
            found = json.loads(self._sink.read(self._key) or b"{}")
            former = _Former(
                step=int(found.get("step", -1)),
                host=str(found.get("host", "")),
                process=int(found.get("process", 0)),
                phase=str(found.get("phase", "")),
                at=float(found.get("at", 0.0)),
                every=float(found.get("every_seconds", 0.0)),
            )
        except Exception:  # noqa: BLE001  (nobody can tell what a former process did: this one begins)
            return _Former()
        return former if former.is_possible else _Former()

    def _is_taken(self, former: _Former) -> bool:
        """Whether another process that still lives writes as this rank."""
        same = former.is_here and former.process == os.getpid()
        fresh = abs(self._clock.wall() - former.at) < 2 * former.every_seconds  # by clocks that may differ a little
        return fresh and not same and former.phase != "over" and not former.has_ended


class _Former:
    """The last heartbeat of the process that wrote as this rank before; without arguments, of none."""

    def __init__(
        self, *, step: int = -1, host: str = "", process: int = 0, phase: str = "", at: float = 0.0, every: float = 0.0
    ) -> None:
        self.step = step
        self.process = process
        self.phase = phase
        self.at = at
        self.every_seconds = every
        self.is_here = host == platform.node()

    @property
    def is_possible(self) -> bool:
        """Whether a heartbeat can say this: a step has a place in the layout, and an interval is a day at most."""
        return -1 <= self.step < MOST_STEPS and math.isfinite(self.at) and 0.0 <= self.every_seconds <= _LONGEST_EVERY

    @property
    def has_ended(self) -> bool:
        """Whether the process is known to be over: it ran on this host and is not there any more."""
        if not self.is_here:
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):
            return False
        return False


def _stack(thread: int) -> list[str]:
    frame = sys._current_frames().get(thread)
    if frame is None:
        return []
    return [f"{each.filename}:{each.lineno} {each.name}" for each in traceback.extract_stack(frame)][-_FRAMES:]


def begun_collectives(torch: Any) -> dict[str, Any]:
    """The number of collective operations that this rank has begun, and the last one's name, by the flight recorder of
    PyTorch's module of collectives; nothing where there is none. It is no public function of PyTorch.
    """
    dump = getattr(torch, "_dump_fr_trace_json", None)
    try:
        entries = json.loads(dump())["entries"] if dump is not None else []
        numbers = {str(entry.get("process_group")): int(entry["collective_seq_id"]) for entry in entries}
        if not entries:
            return {}
        return {"collectives": sum(numbers.values()), "last_collective": str(entries[-1].get("profiling_name", ""))}
    except Exception:  # noqa: BLE001  (another version of PyTorch tells it in another way: then nobody knows)
        return {}

"""Writes the recorder's rows and the process's heartbeats in a thread of its own."""

from __future__ import annotations

import atexit
import sys
import threading
from collections.abc import Callable
from typing import Any

from gridwatch_hook.collection import ANY_LOOP, KERAS, PYTORCH, XGBOOST, FrameworkCollections
from gridwatch_hook.config import HookConfig
from gridwatch_hook.hook import Hook
from gridwatch_hook.settings import Environment
from gridwatch_hook.watch.heartbeat import Heartbeat
from gridwatch_hook.watch.memory import memory
from gridwatch_hook.watch.recorder import Recorder
from gridwatch_hook.watch.rows import Row
from gridwatch_hook.watch.settings import WatchConfig

_ROUND_SECONDS = 0.2
_OPEN_SECONDS = 1.0  # how long a step that is done waits for what is reported about it
_CLOSING_SECONDS = 10.0
_ARRIVAL_SECONDS = 2.0  # how long numbers of the last steps may take to arrive from their device
_FRAMEWORKS = {"torch": PYTORCH, "keras": KERAS, "xgboost": XGBOOST}
_NUMBERS = ("losses", "metrics", "scalars")


def collections_of(framework: str) -> FrameworkCollections:
    """The collections of a framework's hook, with those that a watch always writes."""
    base = _FRAMEWORKS.get(framework, ANY_LOOP)
    return FrameworkCollections({**base.patterns, "scalars": ()}, _NUMBERS, base.save_interval)


def hook_config(config: WatchConfig, framework: str) -> HookConfig:
    """The collections to save: those asked for, and all single numbers at each step. Raises ConfigError."""
    document = dict(config.hook)
    listed = [dict(each) for each in document.get("CollectionConfigurations") or []]
    listed = [each for each in listed if each.get("CollectionName") not in _NUMBERS]
    listed += [{"CollectionName": name, "CollectionParameters": {"save_interval": "1"}} for name in _NUMBERS]
    return HookConfig.parse({**document, "CollectionConfigurations": listed}, collections_of(framework))


class Writer:
    """Opens the place, and writes rows and heartbeats until it is closed. Only its own thread uses the hook."""

    def __init__(
        self,
        config: WatchConfig,
        asked: HookConfig,
        framework: str,
        recorder: Recorder,
        *,
        rank: int,
        workers: int,
        problem: Callable[[str, Exception], None],
    ) -> None:
        self._config = config
        self._asked = asked
        self._framework = framework
        self._recorder = recorder
        self._rank = rank
        self._workers = workers
        self._problem = problem
        self._hook: Hook | None = None
        self._heartbeat: Heartbeat | None = None
        self._closing = threading.Event()
        self._offset: int | None = None
        self._written = -1
        self._memory_at = 0.0
        self._thread = threading.Thread(target=self._run, name="gridwatch-watch", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        if self._config.place.startswith("s3://"):
            # boto3 needs this module, which cannot be imported once the script is over; importing boto3 takes so long
            # that a short script ends meanwhile.
            import concurrent.futures.thread  # noqa: F401, PLC0415
        self._thread.start()

    def close(self) -> None:
        """Write what is left, for some seconds at most."""
        self._closing.set()
        self._thread.join(_CLOSING_SECONDS + _ARRIVAL_SECONDS)

    def _run(self) -> None:
        try:
            self._open()
        except Exception as error:  # noqa: BLE001  (the place cannot be written: the training goes on)
            self._problem("this training", error)
            self._discard()
            return
        while not self._closing.wait(_ROUND_SECONDS):
            self._round(self._recorder.close_open)
        self._finish()

    def _open(self) -> None:
        environment = Environment(None, None, None, self._config.region, self._config.pace)
        heartbeat = Heartbeat.create(self._config, environment, self._rank, self._workers, self._recorder)
        if heartbeat.taken:
            raise RuntimeError(f"another process writes as rank {self._rank} to {self._config.place}")
        self._hook = Hook.create(
            f"{self._config.place}/debug-output",
            self._asked,
            framework=collections_of(self._framework),
            rank=self._rank,
            workers=self._workers,
            environment=environment,
            every_worker=True,
        )
        atexit.unregister(self._hook.close)  # the session closes it, after its last row
        self._heartbeat = heartbeat
        if heartbeat.last_step >= 0 and self._rank == 0:
            self._hook.forget_end()

    def _round(self, close_open: Callable[[float], None]) -> None:
        try:
            close_open(_OPEN_SECONDS)
            self._write_rows()
            if self._heartbeat is not None:
                self._heartbeat.beat(self._written)
        except Exception as error:  # noqa: BLE001  (one row's fault must not end the watch)
            self._problem("a step", error)

    def _write_rows(self) -> None:
        rows = self._recorder.rows
        while rows and rows[0].settled():
            self._write(rows.popleft())

    def _write(self, row: Row) -> None:
        hook = self._hook
        if hook is None:
            return
        if self._offset is None:
            last = self._heartbeat.last_step if self._heartbeat is not None else -1
            self._offset = max(0, last + 1 - row.step)
        step = row.step + self._offset
        if step <= self._written:
            return
        self._written = step
        hook.start_step(step)
        if row.losses:
            hook.save_curve("loss", float(sum(loss for loss in row.losses if isinstance(loss, float | int))), "losses")
        for name, value in row.curves.items():
            if name == "loss" and row.losses:
                continue  # the step's own loss is the one that backward was called on
            hook.save_curve(name, value, "losses" if "loss" in name.lower() else "metrics")
        for name, value in (row.scalars | self._memory(row)).items():
            hook.save_curve(name, value, "scalars")
        for collection, name in row.members:
            hook.enlist(collection, name)
        for name, tensor in row.tensors.items():
            hook.offer(name, tensor)
        hook.start_step(step + 1)

    def _memory(self, row: Row) -> dict[str, Any]:
        if row.wall_time < self._memory_at:
            return {}
        self._memory_at = row.wall_time + 1.0
        return memory(sys.modules.get("torch"))

    def _discard(self) -> None:
        while not self._closing.wait(_ROUND_SECONDS):
            self._recorder.rows.clear()

    def _finish(self) -> None:
        waited = 0.0
        while self._recorder.rows and waited < _ARRIVAL_SECONDS:
            self._round(lambda _: None)
            if self._recorder.rows:
                threading.Event().wait(0.05)
                waited += 0.05
        if self._hook is not None:
            self._hook.close(_CLOSING_SECONDS / 2, backfill_seconds=_CLOSING_SECONDS / 4)
        if self._heartbeat is not None:
            self._heartbeat.close(self._written)

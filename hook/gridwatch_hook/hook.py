"""The hook of any training loop; the framework hooks build on it.

hook = Hook.create("s3://bucket/job/tensors")
for step in range(steps):
loss = train()
hook.save_scalar("loss", loss, collection="losses")
hook.next_step()
hook.close()
"""

from __future__ import annotations

import atexit
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from gridwatch_hook.alarm import Alarm
from gridwatch_hook.arrays import Array, to_array
from gridwatch_hook.batch import SavedStep
from gridwatch_hook.clock import Clock, SystemClock
from gridwatch_hook.closing import Backfill
from gridwatch_hook.collection import ANY_LOOP, CURVES, Collection, FrameworkCollections
from gridwatch_hook.config import HookConfig
from gridwatch_hook.delivery import Delivery
from gridwatch_hook.layout import END_MARKER, PACKAGES, REPORT
from gridwatch_hook.membership import Membership
from gridwatch_hook.modes import Mode
from gridwatch_hook.pace import FixedPace, Pace, PricedPace
from gridwatch_hook.packages import installed_packages
from gridwatch_hook.report import Report
from gridwatch_hook.seal import sealed
from gridwatch_hook.settings import Environment
from gridwatch_hook.sinks import Sink, open_sink
from gridwatch_hook.wish import WishBox

_LOSSES = "losses"
_CLOSING_SECONDS = 30.0  # time for steps still waiting when training ends


class Hook:
    """Saves tensors step by step. `create` or `from_environment` makes one; none of its errors reaches the training.

    A copy (deepcopy, pickle) and a hook in a forked process do nothing: only one process writes a worker's tensors.

    Steps count from 0, or from the number given to `start_step`; `next_step` and `start_step` hand over the step
    before. The hook must be used from one thread only.
    """

    # Where hooks that scripts made write: a watch leaves these places to them.
    places_of_scripts: ClassVar[set[str]] = set()

    def __init__(
        self,
        *,
        sink: Sink,
        config: HookConfig,
        delivery: Delivery,
        clock: Clock,
        workers: int,
        report_folder: str | None,
        marks_end: bool = True,
    ) -> None:
        self.config = config
        self.step = 0
        self.mode = Mode.GLOBAL
        self.mode_steps: dict[Mode, int] = {}
        self.due: set[str] = set()  # the collections that are saved at this step
        self._sink = sink
        self._delivery = delivery
        self._clock = clock
        self._workers = workers
        self._report_folder = report_folder
        self._marks_end = marks_end
        self._membership = Membership.create(config.collections)
        self._current: SavedStep | None = None
        self._alarm = Alarm()
        self._urgent = False  # the current step should be looked at soon
        self._closed = False
        self._begun = False
        self._process = os.getpid()

    def __reduce__(self) -> tuple[Callable[[], Hook], tuple[()]]:
        return _idle_hook, ()

    @classmethod
    def create(
        cls,
        uri: str | os.PathLike[str] | None = None,
        config: HookConfig | Mapping[str, Any] | None = None,
        *,
        framework: FrameworkCollections = ANY_LOOP,
        rank: int = 0,
        workers: int = 1,
        environment: Environment | None = None,
        clock: Clock | None = None,
        sink: Sink | None = None,
        every_worker: bool = False,
    ) -> Hook:
        """Create a hook that writes to `uri` (s3://bucket/prefix or a folder; the configuration's LocalPath when None).
        `config` may also be the document that SageMaker hands to Debugger's hook.

        Raises ConfigError for a configuration that is wrong. When there are several workers, only the first saves
        anything unless the configuration asks for all. With `every_worker` all save, and only the first marks the end.
        """
        environment = environment or Environment.read({})
        if not isinstance(config, HookConfig):
            config = HookConfig.parse({} if config is None else config, framework)
        clock = clock or SystemClock()
        place = config.local_path if uri is None else os.fspath(uri)
        target = sink or open_sink(place, environment.region)
        if not every_worker:  # a watch's hook saves of every worker
            cls.places_of_scripts.add(place.rstrip("/"))
        memory_limit = config.memory_limit_mb * 1024 * 1024
        saving_workers = workers if config.all_workers or every_worker else 1
        terms = environment.pace if config.flushes_per_second is None and not target.every_index_object else None
        pace: Pace = FixedPace(config.flushes_per_second or target.flushes_per_second)
        if terms is not None:
            pace = PricedPace(terms.for_workers(saving_workers), clock.monotonic())
        delivery = Delivery(
            target,
            f"worker_{rank}",
            clock=clock,
            pace=pace,
            memory_limit=memory_limit,
            together=environment.pace is not None and not target.every_index_object,
            wishes=WishBox(target.read, terms) if terms is not None and terms.least_seconds else None,
        )
        hook = cls(
            sink=target,
            config=config,
            delivery=delivery,
            clock=clock,
            workers=saving_workers,
            report_folder=environment.output_data_folder,
            marks_end=not (every_worker and rank),
        )
        if rank and not (config.all_workers or every_worker):
            hook._closed = True
            return hook
        hook.start_step(0)
        delivery.start()
        atexit.register(hook.close)
        return hook

    @classmethod
    def from_environment(
        cls, *, framework: FrameworkCollections = ANY_LOOP, rank: int = 0, workers: int = 1
    ) -> Hook | None:
        """The hook that SageMaker's or Gridwatch's configuration asks for; None when there is none. Raises
        ConfigError.
        """
        environment = Environment.read()
        if environment.document is None:
            return None
        config = HookConfig.parse(environment.document, framework)
        return cls.create(
            environment.tensors_uri, config, framework=framework, rank=rank, workers=workers, environment=environment
        )

    @property
    def report(self) -> Report:
        return self._delivery.report

    @property
    def closed(self) -> bool:
        return self._closed

    def forget_end(self) -> None:
        """Remove the end marker, because a restarted job goes on writing where it ended before."""
        try:
            self._sink.remove(END_MARKER)
        except Exception as error:  # noqa: BLE001  (training goes on; readers may take the job for ended)
            self.problem("removing the former end marker", error)

    def set_mode(self, mode: Mode) -> None:
        """Continue in another mode. If the current step has saved nothing yet, it becomes a step of the new mode."""
        if mode is self.mode:
            return
        unused = self._current is None
        if unused:
            self.mode_steps[self.mode] -= 1
        self.mode = mode
        self.start_step(self.step if unused else self.step + 1)

    def next_step(self) -> None:
        """Hand over the current step and begin the next one of the same mode."""
        self.start_step(self.step + 1)

    def begin_step(self, mode: Mode) -> None:
        """Begin the next step, in `mode`. This serves frameworks that announce the beginning of each step."""
        if self._begun:
            self.mode = mode
            self.start_step(self.step + 1)
        else:
            self._begun = True
            self.set_mode(mode)

    def start_step(self, step: int) -> None:
        """Hand over the current step, and begin the global step `step` in the same mode."""
        self._hand_over()
        mode_step = step if self.mode is Mode.GLOBAL else self.mode_steps.get(self.mode, -1) + 1
        self.step = step
        self.mode_steps[self.mode] = mode_step
        self.due = {item.name for item in self.config.collections if item.saves(self.mode, mode_step)}

    def save_scalar(self, name: str, value: Any, collection: str | None = None) -> None:
        """Save one number at this step: as `scalar/<name>` always, or in a collection when that is due."""
        tensor = name if collection else f"scalar/{name}"
        try:
            array = to_array(value).reshape(-1)
            if array.size != 1:
                raise ValueError(f"{array.size} values are no scalar")
            self._save_in(tensor, array, collection, [])
        except Exception as error:  # noqa: BLE001  (what cannot be saved is reported and must not stop the training)
            self.problem(tensor, error)

    def save_curve(self, name: str, value: Any, collection: str) -> None:
        """Save one number at this step in a collection, and in those that are due and hold its name."""
        try:
            item = self._membership.add(collection, name)
            holders = {each.name: each for each in (*self._membership.of(name), item) if each.name in self.due}
            if holders:
                self._write(name, to_array(value).reshape(-1), list(holders.values()))
        except Exception as error:  # noqa: BLE001  (what cannot be saved is reported and must not stop the training)
            self.problem(name, error)

    def save_tensor(self, name: str, value: Any, collection: str | None = None) -> None:
        """Save an array (or anything that numpy turns into one) at this step. With `collection` it is saved when that
        collection is due; without, always. The collections that hold its name say in which form.
        """
        try:
            self._save_in(name, to_array(value), collection, list(self._membership.of(name)))
        except Exception as error:  # noqa: BLE001  (as above)
            self.problem(name, error)

    def enlist(self, collection: str, tensor: str) -> None:
        """Make a tensor that no pattern names a member of a collection, if that is configured."""
        self._membership.enlist(collection, tensor)

    def offer(self, name: str, value: Any, convert: Callable[[Any], Array] = to_array) -> None:
        """Save a tensor if a collection that holds its name is due at this step. Otherwise this costs one look-up."""
        holders = [item for item in self._membership.of(name) if item.name in self.due]
        if holders:
            self._write(name, convert(value), holders)

    def problem(self, what: str, error: Exception) -> None:
        """Record that something could not be saved. It is logged at once the first time, and again at the end."""
        if what not in self.report.problems:
            reason = str(error).partition("\n")[0]  # XGBoost's error texts end with a stack trace
            self.report.problems[what] = f"{type(error).__name__}: {reason}"
            print(f"gridwatch_hook: {what} is not saved: {reason}", file=sys.stderr, flush=True)  # noqa: T201

    def close(self, seconds: float = _CLOSING_SECONDS, backfill_seconds: float | None = None) -> Report:
        """Write what is left within `seconds`, then add index objects, the end marker and the report. Closing again
        does nothing.
        """
        if self._closed or os.getpid() != self._process:
            return self.report
        self._hand_over()
        self._closed = True
        atexit.unregister(self.close)
        if self._delivery.finish(seconds):
            allowed = self.config.backfill_seconds if backfill_seconds is None else backfill_seconds
            self._finish_files(self._clock.monotonic() + allowed)
            self._delivery.skipped.close()
        self._tell()
        return self.report

    def _save_in(self, name: str, array: Array, collection: str | None, holders: list[Collection]) -> None:
        if self._closed:
            return
        if collection is None:
            self._write(name, array, holders)
            return
        item = self._membership.add(collection, name)
        if item.saves(self.mode, self.mode_steps[self.mode]):
            self._write(name, array, [item])

    def _write(self, name: str, array: Array, holders: list[Collection]) -> None:
        whole = not holders or any(item.save_raw_tensor for item in holders)
        # A whole tensor carries its shape. If the index gave the shape as well, smdebug's reader would not find the
        # tensor.
        shaped = not whole and any(item.save_shape for item in holders)
        if self._closed or not (array.size or shaped):
            return
        if self._current is None:
            self._current = SavedStep(self.step, self.mode, self.mode_steps[self.mode], self._clock.wall(), asked=False)
        self._current.asked |= not holders or any(item.name != CURVES for item in holders)
        if self._membership.note(name, holders):
            self._describe_collections()
        if shaped:
            self._current.shapes[name] = array.shape
        reductions = {reduction for item in holders for reduction in item.reductions}
        for reduction in sorted(reductions) if array.dtype.kind != "U" and array.size else ():
            self._current.add(reduction.tensor_name(name), to_array(reduction.of(array)).reshape(-1))
        if whole:
            self._current.add(name, array)
        if array.size == 1 and array.dtype.kind in "fiu":
            is_loss = any(item.name == _LOSSES for item in holders)
            self._urgent |= self._alarm.rings(name, float(array.reshape(-1)[0]), is_loss=is_loss)

    def _hand_over(self) -> None:
        if self._current is not None and (self._current.tensors or self._current.shapes):
            self._delivery.add(self._current, urgent=self._urgent)
        self._current, self._urgent = None, False

    def _describe_collections(self) -> None:
        document = {"collections": self._membership.to_json(), "_meta": {"num_workers": self._workers}}
        self._delivery.describe_collections(sealed(json.dumps(document).encode(), depth=2))

    def _finish_files(self, give_up_at: float) -> None:
        worker = self._delivery.worker
        key_of = self._delivery.left_out_key
        Backfill(self._sink, worker, self._clock, give_up_at, key_of).run(self._delivery.skipped, self.report)
        try:
            self._sink.put(REPORT if worker == "worker_0" else f"{worker}_{REPORT}", self.report.to_json())
            if worker == "worker_0":
                self._sink.put(PACKAGES, installed_packages())
            if self._marks_end:
                self._sink.put(END_MARKER, b"end of training-job\n")
        except Exception as error:  # noqa: BLE001  (the training succeeded whether or not its end can be marked)
            self.problem("the end marker", error)

    def _tell(self) -> None:
        if self.report.clean:
            return
        print(self.report.sentence(), file=sys.stderr, flush=True)  # noqa: T201
        if self._report_folder:
            try:
                Path(self._report_folder, REPORT).write_bytes(self.report.to_json())
            except OSError as error:
                print(f"gridwatch_hook: the report cannot be kept: {error}", file=sys.stderr, flush=True)  # noqa: T201


def _idle_hook() -> Hook:
    """A hook that saves nothing, as that of a worker beyond the first."""
    return Hook.create(rank=1)

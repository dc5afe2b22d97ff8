"""The watch of this process: what the watchers share, from the first training event until the process ends.

Before that event there is no thread and no file. A forked process begins anew, because its parent's thread is not
there.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gridwatch_hook.clock import SystemClock
from gridwatch_hook.watch.recorder import Recorder
from gridwatch_hook.watch.start import ACTIVE, ALIAS, ROOT

if TYPE_CHECKING:
    from gridwatch_hook.config import HookConfig
    from gridwatch_hook.watch.gate import TensorGate
    from gridwatch_hook.watch.settings import WatchConfig
    from gridwatch_hook.watch.writer import Writer


class Session:
    """One process's watch. The watchers use its recorder; `step_ended` makes it a writer."""

    def __init__(self, folder: str) -> None:
        self.recorder = Recorder(SystemClock())
        self.framework = "any"
        self.hears_loggers = True  # false where a framework's own reports are heard, which it gives to loggers as well
        self.rank_of: Any = None  # a function that says (rank, ranks), where a framework knows them
        self._folder = folder
        self._writer: Writer | None = None
        self._gate: TensorGate | None = None
        self._config: WatchConfig | None = None
        self._asked: HookConfig | None = None
        self._began = False
        self._told: set[str] = set()

    def step_ended(self, by: str, framework: str) -> None:
        """A training step is done. The first one opens the place that is written to."""
        self.recorder.end_step(by)
        if not self._began:
            self.begin(framework)

    def begin(self, framework: str) -> None:
        """A training has begun. What cannot be opened is told once, and the training goes on unwatched."""
        if not self._began:
            self._began = True
            self._quietly(framework, self._begin)

    def gate(self, framework: str) -> TensorGate | None:
        """The taker of a framework's tensors; None when the configuration asks for none of this rank."""
        self._quietly(framework, self._configure)
        return self._gate

    def _quietly(self, framework: str, do: Callable[[], None]) -> None:
        if self.framework == "any":
            self.framework = framework
        try:
            do()
        except Exception as error:  # noqa: BLE001  (the training goes on, and its owner reads why nobody watches it)
            self._began = True
            self.problem("this training", error)

    def problem(self, what: str, error: BaseException) -> None:
        """Tell once that something is not watched."""
        if what not in self._told:
            self._told.add(what)
            reason = str(error).partition("\n")[0]
            sys.stderr.write(f"gridwatch_hook: {what} is not watched: {type(error).__name__}: {reason}\n")

    def close(self) -> None:
        """Write what is left. Closing again does nothing."""
        writer, self._writer = self._writer, None
        if writer is not None:
            self.recorder.finish()
            writer.close()

    def _configure(self) -> None:
        if self._asked is not None or self._began:
            return
        from gridwatch_hook.watch.gate import TensorGate  # noqa: PLC0415  (these load numpy, which a process that
        from gridwatch_hook.watch.settings import WatchConfig  # noqa: PLC0415  never trains does not need)
        from gridwatch_hook.watch.writer import hook_config  # noqa: PLC0415

        self._config = WatchConfig.read(self._folder)
        self._asked = hook_config(self._config, self.framework)
        gate = TensorGate(self._asked, self.recorder, self.problem)
        if gate.wants_tensors and (self._rank()[0] == 0 or self._asked.all_workers):
            self._gate = gate

    def _begin(self) -> None:
        self._began = False
        self._configure()
        self._began = True
        if self._config is None or self._asked is None:
            return
        if _is_written_by_script(f"{self._config.place}/debug-output"):
            self._gate = None
            sys.stderr.write("gridwatch_hook: this training writes with a hook of its own, which alone is used\n")
            return
        from gridwatch_hook.watch.writer import Writer  # noqa: PLC0415  (as above)

        rank, workers = self._rank()
        self._writer = Writer(
            self._config, self._asked, self.framework, self.recorder, rank=rank, workers=workers, problem=self.problem
        )  # fmt: skip
        self._writer.start()
        atexit.register(self.close)
        _close_with_a_child(self)

    def _rank(self) -> tuple[int, int]:
        from gridwatch_hook.watch.settings import rank_and_workers  # noqa: PLC0415  (as above)

        return (self.rank_of and self.rank_of()) or rank_and_workers()


_current: Session | None = None


def session() -> Session:
    """The session of this process."""
    global _current  # noqa: PLW0603  (there is one for each process, and a fork replaces it)
    if _current is None:
        active = sys.modules.get(ACTIVE)
        _current = Session(str(getattr(active, "folder", "")))
        if active is not None:
            active.session = _current  # type: ignore[attr-defined]
    return _current


def _forget() -> None:
    global _current  # noqa: PLW0603  (as above)
    _current = None
    active = sys.modules.get(ACTIVE)
    if active is not None:
        active.session = None  # type: ignore[attr-defined]


def _is_written_by_script(place: str) -> bool:
    """Whether the script itself has made a hook that writes to the place, with this package or with another copy."""
    for name in {f"{ROOT}.hook", f"{ALIAS}.hook"} & set(sys.modules):
        hook = getattr(sys.modules[name], "Hook", None)
        places = getattr(hook, "places_of_scripts", None)
        if place in (places if places is not None else (place,)):  # an older copy does not say where it writes
            return True
    return False


def _close_with_a_child(current: Session) -> None:
    """A child of multiprocessing ends without the functions that `atexit` has; it has finalizers of its own."""
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and process.parent_process() is not None:
        util.Finalize(None, current.close, exitpriority=10)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)

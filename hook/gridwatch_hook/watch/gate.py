"""Takes tensors from the frameworks' hooks in the training's thread, in place of a Hook, for the row under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gridwatch_hook.arrays import Array, to_array
from gridwatch_hook.config import HookConfig
from gridwatch_hook.membership import Membership
from gridwatch_hook.modes import Mode
from gridwatch_hook.watch.recorder import Recorder


class TensorGate:
    """Keeps the tensors that a collection asks for at the step under way. It has the part of Hook that
    framework hooks use; the writing thread owns the Hook itself. All steps have the mode GLOBAL.
    """

    def __init__(self, config: HookConfig, recorder: Recorder, problem: Callable[[str, Exception], None]) -> None:
        self.config = config
        self.problem = problem
        self._recorder = recorder
        self._membership = Membership.create(config.collections)
        self._step = -1
        self._due: set[str] = set()

    @property
    def due(self) -> set[str]:
        """The collections that are saved at the step under way."""
        step = self._recorder.step
        if step != self._step:
            self._step = step
            self._due = {item.name for item in self.config.collections if item.saves(Mode.GLOBAL, step)}
        return self._due

    @property
    def wants_tensors(self) -> bool:
        """Whether the configuration asks for anything but single numbers."""
        return any(item.name not in ("losses", "metrics", "scalars") for item in self.config.collections)

    def begin_step(self, mode: Mode) -> None:
        """Steps are counted by the recorder: nothing happens here."""

    def start_step(self, step: int) -> None:
        """Nothing happens here either."""

    def enlist(self, collection: str, tensor: str) -> None:
        """Make a tensor that no pattern names a member of a collection, if that is configured."""
        self._membership.enlist(collection, tensor)
        self._recorder.row.members.append((collection, tensor))

    def offer(self, name: str, value: Any, convert: Callable[[Any], Array] = to_array) -> None:
        """Keep a tensor if a collection that holds its name is due."""
        due = self.due
        if any(item.name in due for item in self._membership.of(name)):
            self._recorder.row.tensors[name] = convert(value)

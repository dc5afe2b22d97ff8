"""Execution environments: each has its own copy of the handler's module, with what that keeps between invocations."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.simulation.faults import Trouble
from tests.simulation.stage import Stage

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"


@dataclass(slots=True)
class Environment:
    """An environment. `skew`: by how many seconds its machine's clock is wrong."""

    function: str
    handler: Callable[[Any, Any], Any]
    skew: float
    cold: bool = True


class Environments:
    """Lambda's: one invocation at a time in each, a new one when all are taken; one that dies does not come back."""

    def __init__(self, stage: Stage, trouble: Trouble) -> None:
        self._stage, self._trouble = stage, trouble
        self._idle: dict[str, list[Environment]] = {}

    def take(self, function: str) -> Environment:
        idle = self._idle.setdefault(function, [])
        return idle.pop() if idle else Environment(function, _handler(function), self._trouble.skew())

    def give_back(self, environment: Environment, *, alive: bool) -> None:
        environment.cold = False
        if alive:
            self._idle.setdefault(environment.function, []).append(environment)


def _handler(function: str) -> Callable[[Any, Any], Any]:
    """A fresh copy: what it caches is its own."""
    name = f"{function}.handler"
    spec = importlib.util.spec_from_file_location(name, FUNCTIONS / function / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    importlib.import_module(name)  # dataclasses look their module up, and others find it in its package
    spec.loader.exec_module(module)
    found: Callable[[Any, Any], Any] = module.handler
    return found

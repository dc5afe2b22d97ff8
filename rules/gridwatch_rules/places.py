"""Tensor folders as people name them, and how they are opened: paths here, whatever else a caller can open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gridwatch_rules.tensors.layout import STEP_PREFIXES
from gridwatch_rules.tensors.source import TensorSource, open_folder

_OUTPUTS = ("debug-output", "log-output")  # what the hook saved, and what was read from the log


@dataclass(frozen=True, slots=True)
class Opener:
    """How tensors are reached. `open` gives those at a location; the process of a user's own rule opens them with the
    function that `name` names (`module:function`), and sees of the environment what `environment` holds.
    """

    open: Callable[[str], TensorSource] = open_folder
    name: str = "gridwatch_rules.tensors.source:open_folder"
    environment: Mapping[str, str] = field(default_factory=dict)

    def tensors_in(self, location: str) -> str:
        """The location itself; of a job's whole output what its hook saved, else what was read from its log."""
        source = self.open(location)
        if any(source.keys(prefix, limit=1) for prefix in STEP_PREFIXES):
            return location
        found = next((name for name in _OUTPUTS if source.keys(f"{name}/", limit=1)), None)
        return f"{location.rstrip('/')}/{found}" if found else location

    def open_job(self, location: str) -> TensorSource:
        """Another job's tensors. What it gives raises FileNotFoundError for a folder that is not there."""
        return self.open(self.tensors_in(location))


def require_tensors(source: TensorSource, location: str) -> None:
    """Raises FileNotFoundError for a folder without tensors. Of a job that saved nothing its hook's collections are
    there all the same.
    """
    if any(source.keys(prefix, limit=1) for prefix in STEP_PREFIXES):
        return
    if source.keys("events/", limit=1):
        raise FileNotFoundError(f"{location} is damaged: it has events files but no index")
    if not source.keys("collections/", limit=1):
        raise FileNotFoundError(f"there are no tensors in {location}")

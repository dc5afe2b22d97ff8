"""Opens tensor folders by the names that people give them: paths by itself, other addresses by a function of the
caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gridwatch_rules.tensors.heartbeats import FOLDER, Beat, read_heartbeats
from gridwatch_rules.tensors.layout import COLLECTIONS_PREFIX, END_MARKER, STEP_PREFIXES
from gridwatch_rules.tensors.source import TensorSource, open_folder

_OUTPUTS = ("debug-output", "log-output")  # the hook's tensors, and those that were read from the log


@dataclass(frozen=True, slots=True)
class Opener:
    """The way to reach tensors. `open` opens those at a location. The process of a user's own rule opens them with the
    function that `name` names (`module:function`), and its environment is `environment`.
    """

    open: Callable[[str], TensorSource] = open_folder
    name: str = "gridwatch_rules.tensors.source:open_folder"
    environment: Mapping[str, str] = field(default_factory=dict)

    def tensors_in(self, location: str) -> str:
        """The folder of tensors at a location. This is the location itself, or within a job's whole output the folder
        of the hook, else that of the log.
        """
        source = self.open(location)
        if any(source.keys(prefix, limit=1) for prefix in STEP_PREFIXES):
            return location
        found = next((name for name in _OUTPUTS if source.keys(f"{name}/", limit=1)), None)
        return f"{location.rstrip('/')}/{found}" if found else location

    def has_output(self, location: str) -> bool:
        """Whether a job has begun to write at a location, which may be a folder of tensors or a job's whole output."""
        if "://" not in location and not Path(location).expanduser().exists():
            return False
        source = self.open(location)
        begun = (*STEP_PREFIXES, COLLECTIONS_PREFIX, END_MARKER, *(f"{name}/" for name in _OUTPUTS))
        return any(source.keys(prefix, limit=1) for prefix in begun)

    def heartbeats_in(self, location: str) -> Sequence[Beat]:
        """The newest heartbeats of the ranks of the job whose whole output, or folder of tensors, is at a location."""
        root = location.rstrip("/").removesuffix("/debug-output")
        try:
            return read_heartbeats(self.open(f"{root}/{FOLDER}"))
        except FileNotFoundError:
            return ()

    def open_job(self, location: str) -> TensorSource:
        """Open another job's tensors. Reading from them raises FileNotFoundError when there is no such folder."""
        return self.open(self.tensors_in(location))


def require_tensors(source: TensorSource, location: str) -> None:
    """Raise FileNotFoundError for a folder without tensors. A job that saved nothing passes, because its hook still
    wrote its collections.
    """
    if any(source.keys(prefix, limit=1) for prefix in STEP_PREFIXES):
        return
    if source.keys("events/", limit=1):
        raise FileNotFoundError(f"{location} is damaged: it has events files but no index")
    if not source.keys("collections/", limit=1):
        raise FileNotFoundError(f"there are no tensors in {location}")

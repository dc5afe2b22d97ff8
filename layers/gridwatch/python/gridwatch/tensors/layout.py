"""Where smdebug puts files under a tensor folder. Keys are relative to that folder, with forward slashes.

`collections/<9 digits>/<worker>_collections.json`, `index/<step // 1000>/<12-digit step>_<worker>.json`,
`events/<12-digit step>/<12-digit step>_<worker>.tfevents`, and `training_job_end.ts` when the job is over.
"""

from __future__ import annotations

END_MARKER = "training_job_end.ts"
INDEX_PREFIX = "index/"
COLLECTIONS_PREFIX = "collections/"
STEPS_PER_FOLDER = 1000

_DIGITS = 18  # of a step: 64 bits hold them
_COLLECTIONS_SUFFIX = "_collections.json"


def index_folder(step: int) -> str:
    return f"{INDEX_PREFIX}{step // STEPS_PER_FOLDER:09d}/"


def index_key_after(step: int) -> str:
    """A key that sorts after every worker's index object of `step` and before those of `step + 1`."""
    return f"{index_folder(step)}{step:012d}~"


def index_key_before(step: int) -> str:
    """A key that sorts before every worker's index object of `step` and after those of `step - 1`."""
    return f"{index_folder(step)}{step:012d}"


def parse_index_key(key: str) -> tuple[int, str] | None:
    """Global step and worker of an index object, None for a file that is none (temporary files, other formats)."""
    stem, dot, suffix = key.rpartition("/")[2].rpartition(".")
    digits, underscore, worker = stem.partition("_")
    if not dot or suffix != "json" or not underscore or not worker or not digits.isascii() or not digits.isdigit():
        return None
    return (int(digits), worker) if len(digits) <= _DIGITS else None


def is_collections_key(key: str) -> bool:
    return key.endswith(_COLLECTIONS_SUFFIX)

"""The layout of smdebug's files in a tensor folder. Keys are relative to that folder, with forward slashes.

`collections/<9 digits>/<worker>_collections.json`, `index/<step // 1000>/<12-digit step>_<worker>.json`,
`events/<12-digit step>/<12-digit step>_<worker>.tfevents`, and `training_job_end.ts` when the job is over.

When Gridwatch launched the job, the flush objects of its hook list the steps instead (see
gridwatch_rules.tensors.flushes): `events/flushes/<last step // 1000>/<12-digit last step>_<worker>.tfevents`. The index
objects that the hook adds when it closes, below `index/completed/`, are for other readers.
"""

from __future__ import annotations

END_MARKER = "training_job_end.ts"
INDEX_PREFIX = "index/"
FLUSH_PREFIX = "events/flushes/"
WISH = "wish.json"  # an owner's wish that a running job be looked at sooner, for the job's hook
STEP_PREFIXES = (INDEX_PREFIX, FLUSH_PREFIX)  # a folder that holds steps has objects below one of these
COLLECTIONS_PREFIX = "collections/"
STEPS_PER_FOLDER = 1000

_DIGITS = 12  # most digits of a step; keys with more do not sort by it
MOST_STEPS: int = 10**_DIGITS
_COLLECTIONS_SUFFIX = "_collections.json"


def key_after(prefix: str, step: int) -> str:
    """A key that sorts after every worker's object of `step` below `prefix` and before those of `step + 1`."""
    return f"{key_before(prefix, step)}~"


def key_before(prefix: str, step: int) -> str:
    """A key that sorts before every worker's object of `step` below `prefix` and after those of `step - 1`."""
    return f"{prefix}{step // STEPS_PER_FOLDER:09d}/{step:012d}"


def parse_step_key(key: str) -> tuple[int, str] | None:
    """The global step and worker of an index or flush object; None for any other file, such as a temporary one."""
    stem, dot, suffix = key.rpartition("/")[2].rpartition(".")
    digits, underscore, worker = stem.partition("_")
    wanted = "tfevents" if key.startswith(FLUSH_PREFIX) else "json"
    if not dot or suffix != wanted or not underscore or not worker or not digits.isascii() or not digits.isdigit():
        return None
    return (int(digits), worker) if len(digits) <= _DIGITS else None


def is_collections_key(key: str) -> bool:
    return key.endswith(_COLLECTIONS_SUFFIX)

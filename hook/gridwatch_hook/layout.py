"""The keys of files below a job's tensor folder, in smdebug's layout (smdebug/core/locations.py)."""

from __future__ import annotations

END_MARKER = "training_job_end.ts"
REPORT = "gridwatch_hook.json"
WISH = "wish.json"  # an owner's wish for sooner looks; written by `gridwatch look`
PACKAGES = "packages.json"
STEPS_PER_INDEX_FOLDER = 1000
MOST_STEPS: int = 10**12  # keys have twelve digits for a step


def collections_key(worker: str) -> str:
    return f"collections/000000000/{worker}_collections.json"


def index_key(step: int, worker: str) -> str:
    return f"index/{step // STEPS_PER_INDEX_FOLDER:09d}/{step:012d}_{worker}.json"


def flush_key(last_step: int, worker: str) -> str:
    """The key of a flush object, which holds everything that is written at once and is named after its last step. It is
    an events file whose first record says where in it the tensors of each step lie.
    """
    return f"events/flushes/{last_step // STEPS_PER_INDEX_FOLDER:09d}/{last_step:012d}_{worker}.tfevents"


def completed_index_key(step: int, worker: str) -> str:
    """The key of an index object that closing adds for other readers. An object under such a key wakes no function."""
    return f"index/completed/{step // STEPS_PER_INDEX_FOLDER:09d}/{step:012d}_{worker}.json"


def events_key(first_step: int, worker: str) -> str:
    """The key of an events file. It may hold several steps and is named after the first."""
    return f"events/{first_step:012d}/{first_step:012d}_{worker}.tfevents"

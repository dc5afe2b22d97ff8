"""The artifacts of an experiment's jobs in the artifacts bucket, found by the recorded names of the jobs.

A job's name may look like another's with a number behind it (`churn-1` of one person, `churn-2` of another), so names
are never guessed: an object is deleted only below a name that a record of this experiment holds.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from gridwatch.cli.errors import CliError
from gridwatch.grid.names import job_name
from gridwatch.storage import layout

if TYPE_CHECKING:
    from gridwatch.cli.context import Cloud
    from gridwatch.domain.trials import TrialRecord

# What SageMaker and hooks make below `<output path>/<job>/`.
_FOLDERS = frozenset({"output", "debug-output", "profiler-output", "rule-output", "heartbeat-output"})
_OF_A_JOB = (layout.TENSOR_PREFIX, layout.MODEL_PREFIX, layout.RULE_STATE_PREFIX, layout.REPORT_PREFIX)
_DELETED_AT_ONCE = 1000  # as many as one call takes
# What follows the common beginning in the names of an experiment's jobs and of a tuning job's, and a trial's id alone.
_OF_ONE_JOB = re.compile(r"(?<=-)[0-9a-f]{10}-\d+\Z|(?<=-)\d+-[0-9a-f]{8}\Z|\A[0-9a-f]{10}\Z")
_FEW = 16  # folders that are listed one by one: another experiment's jobs may have the same beginning
_AT_ONCE = 8  # listings: fewer than the ten connections that a client keeps open


def artifact_keys(cloud: Cloud, experiment: str) -> list[str]:
    """The keys of every attempt of every trial: tensors, profiles, models, reports, checkpoints. The tables are not
    among them, because they are the experiment's record.
    """
    trials = cloud.store.list_trials(experiment)
    folders = {trial.trial_id for trial in trials}
    found = _in_folders(cloud, layout.checkpoint_prefix(experiment, "").rstrip("/") + "/", folders)
    jobs = _job_names(cloud, trials)
    for root in _OF_A_JOB:
        # There are all experiments' pages.
        names = jobs - {"experiments"} if root == layout.REPORT_PREFIX else jobs
        found += _in_folders(cloud, root, names)
    return found


def delete_objects(cloud: Cloud, keys: Sequence[str]) -> None:
    """Delete the objects. Raises CliError, naming the first key that could not be deleted."""
    for start in range(0, len(keys), _DELETED_AT_ONCE):
        answer = cloud.session.s3.delete_objects(
            Bucket=cloud.deployment.artifacts_bucket,
            Delete={"Objects": [{"Key": key} for key in keys[start : start + _DELETED_AT_ONCE]], "Quiet": True},
        )
        if errors := answer.get("Errors"):
            raise CliError(f"{errors[0].get('Key')} could not be deleted: {errors[0].get('Message')}")


def _job_names(cloud: Cloud, trials: Sequence[TrialRecord]) -> set[str]:
    """The names of all jobs of these trials, of former attempts as well."""
    recorded = {name for trial in trials for name in trial.job_names}
    guessed = {name: trial for trial in trials for name in _unrecorded_attempts(cloud, trial)}
    jobs = cloud.store.get_jobs(guessed)
    return recorded | {
        name
        for name, trial in guessed.items()
        if (job := jobs.get(name)) is not None and (job.experiment, job.trial_id) == (trial.experiment, trial.trial_id)
    }


def _in_folders(cloud: Cloud, root: str, folders: Collection[str]) -> list[str]:
    """The keys in those folders of `root`. What has a long beginning in common, as the jobs of an experiment have, is
    listed together, a thousand keys in a request; what lies between belongs to others and is left out.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        pages = pool.map(lambda beginning: list(_keys_below(cloud, f"{root}{beginning}")), _beginnings(folders))
        return [key for keys in pages for key in keys if _is_in(folders, key.removeprefix(root))]


def _is_in(folders: Collection[str], path: str) -> bool:
    folder, slash, rest = path.partition("/")
    return bool(slash) and folder in folders and not _is_of_another(rest)


def _beginnings(folders: Collection[str]) -> list[str]:
    """What to list to see all of these folders: the beginning that many of them have in common, or each by itself."""
    groups: dict[str, list[str]] = {}
    for folder in sorted(folders):
        groups.setdefault(_OF_ONE_JOB.sub("", folder), []).append(folder)
    return [
        each
        for beginning, its in groups.items()
        for each in ([beginning] if len(its) > _FEW else [f"{folder}/" for folder in its])
    ]


def _is_of_another(path: str) -> bool:
    """Whether the path below a job's name belongs to another job, whose owner chose that name as a folder."""
    first, *further = path.split("/")
    return first not in _FOLDERS and not _FOLDERS.isdisjoint(further)


def _unrecorded_attempts(cloud: Cloud, trial: TrialRecord) -> Iterator[str]:
    """The names that former attempts of a trial may have which its record does not name yet, because an older version
    wrote it.

    Such a name is only where to look: the job is the trial's if the job's own record says so.
    """
    attempts = trial.attempt - 1 if not trial.former_jobs else 0
    for attempt in range(1, attempts + 1):
        stem = trial.job_name.removesuffix(f"-{trial.trial_id}-{trial.attempt}")
        name = f"{stem}-{trial.trial_id}-{attempt}"
        yield from (name, job_name(cloud.deployment.name_prefix, trial.experiment, trial.trial_id, attempt))


def _keys_below(cloud: Cloud, prefix: str) -> Iterator[str]:
    pages = cloud.session.s3.get_paginator("list_objects_v2").paginate(
        Bucket=cloud.deployment.artifacts_bucket, Prefix=prefix
    )
    for page in pages:
        yield from (each["Key"] for each in page.get("Contents", ()))

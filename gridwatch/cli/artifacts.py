"""The artifacts of an experiment's jobs in the artifacts bucket, found by the recorded names of the jobs.

A job's name may look like another's with a number behind it (`churn-1` of one person, `churn-2` of another), so names
are never guessed: an object is deleted only below a name that a record of this experiment holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gridwatch.cli.errors import CliError
from gridwatch.grid.names import job_name
from gridwatch.storage import layout

if TYPE_CHECKING:
    from gridwatch.cli.context import Cloud
    from gridwatch.domain.trials import TrialRecord

# What SageMaker and hooks make below `<output path>/<job>/`.
_FOLDERS = frozenset({"output", "debug-output", "profiler-output", "rule-output"})
_OF_A_JOB = (layout.TENSOR_PREFIX, layout.MODEL_PREFIX, layout.RULE_STATE_PREFIX, layout.REPORT_PREFIX)
_DELETED_AT_ONCE = 1000  # as many as one call takes


def artifact_keys(cloud: Cloud, experiment: str) -> list[str]:
    """The keys of every attempt of every trial: tensors, profiles, models, reports, checkpoints. The tables are not
    among them, because they are the experiment's record.
    """
    prefixes = [prefix for trial in cloud.store.list_trials(experiment) for prefix in _prefixes(cloud, trial)]
    return [
        key for prefix in prefixes for key in _keys_below(cloud, prefix) if not _is_of_another(key.removeprefix(prefix))
    ]


def delete_objects(cloud: Cloud, keys: Sequence[str]) -> None:
    """Delete the objects. Raises CliError, naming the first key that could not be deleted."""
    for start in range(0, len(keys), _DELETED_AT_ONCE):
        answer = cloud.session.s3.delete_objects(
            Bucket=cloud.deployment.artifacts_bucket,
            Delete={"Objects": [{"Key": key} for key in keys[start : start + _DELETED_AT_ONCE]], "Quiet": True},
        )
        if errors := answer.get("Errors"):
            raise CliError(f"{errors[0].get('Key')} could not be deleted: {errors[0].get('Message')}")


def _prefixes(cloud: Cloud, trial: TrialRecord) -> Iterator[str]:
    for name in dict.fromkeys((*trial.job_names, *_unrecorded_attempts(cloud, trial))):
        pages = (layout.REPORT_PREFIX,) if name == "experiments" else ()  # there are all experiments' pages
        yield from (f"{root}{name}/" for root in _OF_A_JOB if root not in pages)
    yield layout.checkpoint_prefix(trial.experiment, trial.trial_id)


def _is_of_another(path: str) -> bool:
    """Whether the path below a job's name belongs to another job, whose owner chose that name as a folder."""
    first, *further = path.split("/")
    return first not in _FOLDERS and not _FOLDERS.isdisjoint(further)


def _unrecorded_attempts(cloud: Cloud, trial: TrialRecord) -> Iterator[str]:
    """Former attempts of a trial that its record does not name yet, because an older version wrote it.

    The name such a job would have is only where to look: the job is the trial's if the job's own record says so.
    """
    attempts = trial.attempt - 1 if not trial.former_jobs else 0
    for attempt in range(1, attempts + 1):
        stem = trial.job_name.removesuffix(f"-{trial.trial_id}-{trial.attempt}")
        name = f"{stem}-{trial.trial_id}-{attempt}"
        for each in (name, job_name(cloud.deployment.name_prefix, trial.experiment, trial.trial_id, attempt)):
            job = cloud.store.get_job(each)
            if job is not None and (job.experiment, job.trial_id) == (trial.experiment, trial.trial_id):
                yield each


def _keys_below(cloud: Cloud, prefix: str) -> Iterator[str]:
    pages = cloud.session.s3.get_paginator("list_objects_v2").paginate(
        Bucket=cloud.deployment.artifacts_bucket, Prefix=prefix
    )
    for page in pages:
        yield from (each["Key"] for each in page.get("Contents", ()))

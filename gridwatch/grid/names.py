"""Names in SageMaker, derived from the things that they name and never invented (docs/architecture.md)."""

from __future__ import annotations

import re

MAX_JOB_NAME = 63  # CreateTrainingJob, TrainingJobName
MAX_ENTITY_NAME = 120  # ExperimentEntityName
PROCESSING_SUFFIX = "-aws-processing-job"
_PART = re.compile(r"(?P<first>.+)-[0-9]{3,}")


def job_name(prefix: str, experiment: str, trial_id: str, attempt: int) -> str:
    """A training job's name: `<prefix>-<experiment, cut to fit>-<trial>-<attempt>`, at most 63 characters.

    Two experiments whose cut names look the same still differ in the trial's identity, which covers the whole name.
    """
    ending = f"-{trial_id}-{attempt}"
    room = MAX_JOB_NAME - len(prefix) - 1 - len(ending)
    if room < 1:
        raise ValueError(f"the name prefix {prefix!r} leaves no room for a job's name")
    return f"{prefix}-{experiment[:room].rstrip('-')}{ending}"


def next_attempt_name(name: str, trial_id: str, attempt: int) -> str:
    """The name of the job for the attempt after `attempt`, whose job is called `name`."""
    stem, ending = name.removesuffix(f"-{trial_id}-{attempt}"), f"-{trial_id}-{attempt + 1}"
    return f"{stem[: MAX_JOB_NAME - len(ending)].rstrip('-')}{ending}"


def renamed(name: str, trial_id: str, attempt: int, other_id: str) -> str:
    """The name of another trial's first job in the same experiment, derived from a job of this one."""
    stem, ending = name.removesuffix(f"-{trial_id}-{attempt}"), f"-{other_id}-1"
    return f"{stem[: MAX_JOB_NAME - len(ending)].rstrip('-')}{ending}"


def experiment_entity(prefix: str, experiment: str) -> str:
    return _entity(f"{prefix}-{experiment}")


def further_entity(first: str, number: int) -> str:
    """The name of a further SageMaker experiment, opened when those before it are full; `number` is 2 or more."""
    return _entity(f"{first}-{number:03d}")


def metadata_entity(experiment: str, digest: str) -> str:
    """The name of the trial component that all trials in one SageMaker experiment share."""
    return _entity(f"{experiment}-metadata-{digest}")


def processing_entity(job: str) -> str:
    """The name of the trial component that SageMaker makes for a processing job, as the SDK's Tracker looks for it."""
    return f"{job}{PROCESSING_SUFFIX}".lower()


def without_number(name: str) -> str | None:
    """The name without its number, if it may be a further one; None when it has no number at its end."""
    found = _PART.fullmatch(name)
    return found["first"] if found else None


def trial_entity(prefix: str, experiment: str, trial_id: str) -> str:
    return _entity(f"{prefix}-{experiment}-{trial_id}")


def _entity(name: str) -> str:
    if len(name) > MAX_ENTITY_NAME:
        raise ValueError(f"{name!r} is longer than the {MAX_ENTITY_NAME} characters of a SageMaker entity")
    return name

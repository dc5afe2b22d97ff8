"""The ports of launching: the services that it needs. Implementations: `gridwatch.aws`, and the tests' in-memory ones.

Every method raises gridwatch_rules.failures errors: NotFoundError, NameTakenError, NotYetError, ThrottledError,
TransientError, PermanentError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from gridwatch.domain.descriptions import JobDescription
from gridwatch.storage.data_source import DataSource

Quota = Callable[[], int | None]  # instances of all processing jobs at one time; None: not known


@dataclass(frozen=True, slots=True)
class StoredSpec:
    """A spec's bytes and the upload that brought them. `source` is the key of the script that was packed with it."""

    content: bytes
    uploaded_at: datetime
    source: str | None = None


class ExperimentBucket(Protocol):
    """The experiments bucket: specs come in, answers go out, data sets lie there or elsewhere."""

    @property
    def name(self) -> str: ...

    def read_spec(self, key: str, version: str | None, *, max_bytes: int) -> StoredSpec:
        """The content of that very version. For an object larger than `max_bytes`, only `max_bytes` + 1 bytes are
        fetched.

        Raises NotFoundError when the version is no longer there.
        """
        ...

    def current_version(self, key: str) -> str | None:
        """The version id that the key has now; None when the key is gone or its bucket keeps no versions."""
        ...

    def specs(self) -> Mapping[str, datetime]:
        """When each object under the specs' prefix was uploaded, by key."""
        ...

    def etags(self, uri: str) -> Mapping[str, str]:
        """Key to etag of every object under an address in any bucket; empty when there is none."""
        ...

    def data(self, *uris: str) -> DataSource:
        """A source for the data under addresses in any one bucket; asking for it reads nothing."""
        ...

    def version_of(self, uri: str, etag: str) -> str | None:
        """The version id of the object at an address in any bucket if it still has that etag; None if it has another,
        may not be read, or its bucket keeps no versions.
        """
        ...

    def write_fingerprint(self, key: str, content: bytes) -> None:
        """Keep a fingerprint under that key, which holds its digest: writing it again changes nothing."""
        ...

    def write_window(self, key: str, content: bytes) -> None:
        """Keep the manifest of a window under that key, which is made from the digest of its content."""
        ...

    def write_answer(self, key: str, document: Mapping[str, Any]) -> None:
        """Replace a JSON document under the status prefix."""
        ...

    def revise_answer(self, key: str, revised: Callable[[Mapping[str, Any] | None], Mapping[str, Any] | None]) -> None:
        """Replace the document by what `revised` makes of it (None leaves it). `revised` is called again when somebody
        else wrote meanwhile, so that no writer's change is lost. Raises TransientError when that does not end.
        """
        ...

    def read_answer(self, key: str) -> Mapping[str, Any] | None:
        """The document there; None when there is none."""
        ...

    def delete_answer(self, key: str) -> None:
        """Remove the document; nothing happens when it is not there."""
        ...


@dataclass(frozen=True, slots=True)
class Share:
    """A job's share of a common queue: who asks, and how urgently (-100 to 100; a higher value waits less)."""

    team: str | None = None
    priority: int = 0


class JobListing(Protocol):
    """SageMaker's own list of what takes instances."""

    def active_jobs(self, name_prefix: str) -> Mapping[str, str]:
        """Name to TrainingJobStatus of every job that runs or stops and whose name has that prefix."""
        ...

    def jobs_with_tag(self, key: str) -> Mapping[str, str]:
        """Name to TrainingJobStatus of every running job that carries the tag, whatever its value."""
        ...


class TrainingService(Protocol):
    """The part of SageMaker that Gridwatch trains with."""

    def create_job(self, request: Mapping[str, Any], share: Share) -> str:
        """Hand over a CreateTrainingJob request; returns the new job's ARN, or that of its place in a queue.

        Raises NameTakenError when anybody ever used the name.
        """
        ...

    def describe_job(self, job_name: str) -> JobDescription:
        """The job's description. Raises NotFoundError when there is no such job."""
        ...

    def job_tags(self, arn: str) -> Mapping[str, str]: ...

    def tag_job(self, arn: str, tags: Mapping[str, str]) -> None:
        """Add the tags, replacing those of the same keys."""
        ...

    def stop_job(self, job_name: str) -> bool:
        """Ask the job to stop; False when it was already over or stopping. Raises NotFoundError when there is none."""
        ...

    def ensure_experiment(self, name: str) -> None:
        """Create SageMaker's experiment entity unless it is there."""
        ...

    def ensure_trial(self, experiment: str, trial: str) -> str:
        """Create SageMaker's trial entity in that experiment unless it is in any experiment; returns the experiment
        that holds it.

        Raises NotYetError when it is in none and the experiment is full.
        """
        ...

    def ensure_component(self, name: str, content: Mapping[str, Any]) -> None:
        """Create a trial component from the rest of a CreateTrialComponent request, unless one of that name exists."""
        ...

    def add_component(self, trial: str, component: str) -> None:
        """Put a trial component into SageMaker's trial, where it may be already.

        Raises NotFoundError when one of them does not exist, NotYetError when the trial is full.
        """
        ...

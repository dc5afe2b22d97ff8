"""What launching needs from the world. Implementations: `gridwatch.aws`, and the tests' in-memory ones.

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
        """That very version. Of an object larger than `max_bytes` only `max_bytes` + 1 bytes are fetched.

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
        """What lies under addresses in any one bucket, to be looked into; nothing is read by asking for it."""
        ...

    def version_of(self, uri: str, etag: str) -> str | None:
        """The version id of the object at an address in any bucket, if its etag is that one still; None where it is
        another, may not be read, or its bucket keeps no versions.
        """
        ...

    def write_fingerprint(self, key: str, content: bytes) -> None:
        """Keep it under that key, which holds its digest: writing it again changes nothing."""
        ...

    def write_window(self, key: str, content: bytes) -> None:
        """Keep the manifest of a window under that key, of which its content is the digest."""
        ...

    def write_answer(self, key: str, document: Mapping[str, Any]) -> None:
        """Replace a JSON document under the status prefix."""
        ...

    def revise_answer(self, key: str, revised: Callable[[Mapping[str, Any] | None], Mapping[str, Any] | None]) -> None:
        """Replace the document by what `revised` makes of it (None: it stays as it is). It is called again when
        somebody else wrote meanwhile, so that no writer's word is lost. Raises TransientError when that never ends.
        """
        ...

    def read_answer(self, key: str) -> Mapping[str, Any] | None:
        """The document there; None when there is none."""
        ...

    def delete_answer(self, key: str) -> None:
        """Remove it; nothing happens when it is not there."""
        ...


@dataclass(frozen=True, slots=True)
class Share:
    """For a queue that several share: who asks, and how urgently (-100 to 100, higher waits less)."""

    team: str | None = None
    priority: int = 0


class JobListing(Protocol):
    """SageMaker's own list of what takes instances."""

    def active_jobs(self, name_prefix: str) -> Mapping[str, str]:
        """Name to TrainingJobStatus of every job that runs or stops and whose name begins so."""
        ...

    def jobs_with_tag(self, key: str) -> Mapping[str, str]:
        """Name to TrainingJobStatus of every running job that carries the tag, whatever its value."""
        ...


class TrainingService(Protocol):
    """SageMaker, as far as Gridwatch trains with it."""

    def create_job(self, request: Mapping[str, Any], share: Share) -> str:
        """Hand over a CreateTrainingJob request; the new job's ARN, which may be that of its place in a queue.

        NameTakenError when the name was ever used, by whomever.
        """
        ...

    def describe_job(self, job_name: str) -> JobDescription:
        """NotFoundError when there is no such job."""
        ...

    def job_tags(self, arn: str) -> Mapping[str, str]: ...

    def tag_job(self, arn: str, tags: Mapping[str, str]) -> None:
        """Add the tags, replacing those of the same keys."""
        ...

    def stop_job(self, job_name: str) -> bool:
        """Ask the job to stop; False when it was already over or stopping. NotFoundError when there is none."""
        ...

    def ensure_experiment(self, name: str) -> None:
        """Create SageMaker's experiment entity unless it is there."""
        ...

    def ensure_trial(self, experiment: str, trial: str) -> str:
        """Create SageMaker's trial entity there, unless it is in any experiment; the name of the one that it is in.

        NotYetError when it is nowhere and the experiment is full.
        """
        ...

    def ensure_component(self, name: str, content: Mapping[str, Any]) -> None:
        """Create a trial component, of the rest of a CreateTrialComponent request, unless one of that name is there."""
        ...

    def add_component(self, trial: str, component: str) -> None:
        """Put a trial component into SageMaker's trial, where it may be already.

        NotFoundError when one of them is not there, NotYetError when the trial is full.
        """
        ...

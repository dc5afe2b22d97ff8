"""Answers to an upload that was accepted, and to one whose place another upload took.

Two people may upload the same experiment at one moment, under one key or under two, and the calls that accept their
uploads may be interleaved in any way. So answers are revised, never overwritten blindly: whichever call comes last, the
answer of the upload that lost says "superseded" and by which; where both have one key, and so one answer, the answer of
the upload that won names those whose place it took.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.launch.ports import ExperimentBucket
from gridwatch.storage.layout import is_spec_key, spec_status_key

SUPERSEDED = "superseded"
_TOLD = 20  # uploads that an answer names

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UploadedSpec:
    """One version of a spec's object."""

    key: str
    version: str

    @classmethod
    def of(cls, record: ExperimentRecord) -> UploadedSpec:
        """The upload that the experiment was made from."""
        return cls(record.spec_key, record.spec_version)

    def as_document(self) -> dict[str, str]:
        return {"key": self.key, "version": self.version}


def sound(answer: Answer | None) -> Answer | None:
    """The answer, when it says which upload it is about; None for a damaged one, which is then written anew."""
    if answer is None or not _is_upload(answer.get("spec")):
        return None
    others = answer.get("supersedes", [])
    return answer if isinstance(others, list) and all(map(_is_upload, others)) else None


def _is_upload(document: object) -> bool:
    return isinstance(document, Mapping) and isinstance(document.get("key"), str) and "version" in document


def write_answer(
    bucket: ExperimentBucket, spec: UploadedSpec, document: Answer, overtaken: UploadedSpec | None
) -> None:
    """Answer the upload; the answer names the former upload of the same experiment, and those of the same key that were
    not accepted.
    """

    def revised(damaged_or_not: Answer | None) -> Answer:
        former = sound(damaged_or_not)
        named = [] if overtaken in (None, spec) else [overtaken.as_document()]
        if former is not None and former.get("spec") == spec.as_document():
            named += former.get("supersedes", ())
        elif former is not None and former.get("outcome") == SUPERSEDED:
            named += [former["spec"], *former.get("supersedes", ())]
        told = [each for number, each in enumerate(named) if each not in named[:number]]
        return {**document, **({"supersedes": told[:_TOLD]} if told else {})}

    bucket.revise_answer(spec_status_key(spec.key), revised)


def tell_superseded(
    bucket: ExperimentBucket, lost: UploadedSpec, by: UploadedSpec, experiment: str | None = None
) -> None:
    """Say in the losing upload's answer which one took its place. Repeating it changes nothing."""
    if lost == by or not is_spec_key(lost.key):
        return
    current = bucket.current_version(lost.key)
    document = {
        "outcome": SUPERSEDED,
        **({"experiment": experiment} if experiment else {}),
        "spec": lost.as_document(),
        "superseded_by": by.as_document(),
        "text": f"superseded by {by.key}, version {by.version}: nothing more of this upload is launched",
    }

    def revised(damaged_or_not: Answer | None) -> Answer | None:
        former = sound(damaged_or_not)
        told = (former or {}).get("spec") or {}
        if former is None or current in (None, lost.version) or told.get("version") not in (current, lost.version):
            return None if former == document else document
        if told.get("version") == lost.version:
            return document
        named = former.get("supersedes", [])
        if lost.as_document() in named:
            return None
        return {**former, "supersedes": [lost.as_document(), *named][:_TOLD]}

    bucket.revise_answer(spec_status_key(lost.key), revised)

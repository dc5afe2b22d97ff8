"""Finds uploads that nobody has answered: their event was lost, or every invocation for it died."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from gridwatch.events.spec_upload import SpecUpload
from gridwatch.launch.ports import ExperimentBucket
from gridwatch.storage.layout import is_spec_key, spec_error_key, spec_status_key
from launch_grid.answers import sound

GRACE = timedelta(minutes=5)  # longer than an event's own invocation and Lambda's two retries take together
PATIENCE = timedelta(hours=24)  # as long as is remembered which uploads were accepted


def missed_uploads(bucket: ExperimentBucket, now: datetime) -> Iterator[SpecUpload]:
    """The specs' current versions that neither answer is about."""
    for key, uploaded_at in sorted(bucket.specs().items()):
        if not is_spec_key(key) or not GRACE <= now - uploaded_at <= PATIENCE:
            continue
        version = bucket.current_version(key)
        if version is not None and not _is_answered(bucket, key, version):
            yield SpecUpload(bucket.name, key, version, version)


def _is_answered(bucket: ExperimentBucket, key: str, version: str) -> bool:
    for answer in (spec_status_key(key), spec_error_key(key)):
        document = sound(bucket.read_answer(answer))
        if document is not None and document["spec"]["version"] == version:
            return True
    return False

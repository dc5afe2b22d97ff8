"""The manifest through which SageMaker reads a window: the objects of all its days."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from gridwatch.spec.channels import channel_uri
from gridwatch.spec.parts.data import Channel
from gridwatch.storage.layout import WINDOW_PREFIX, s3_uri, split_s3_uri


def window_manifest(channel: Channel, experiments_bucket: str, keys: Iterable[str]) -> tuple[str, bytes]:
    """The manifest's key in the experiments bucket and its content: the same for the same objects.

    Its form is that of API reference S3DataSource, ManifestFile: a prefix, then for each object the rest of its
    address.
    """
    bucket, _ = split_s3_uri(channel_uri(channel.uri or "", experiments_bucket))
    content = json.dumps([{"prefix": s3_uri(bucket, "")}, *sorted(keys)], indent=0).encode()
    return f"{WINDOW_PREFIX}{hashlib.sha256(content).hexdigest()[:32]}.manifest", content

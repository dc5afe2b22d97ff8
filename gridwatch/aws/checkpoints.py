"""The checkpoints of training jobs on S3."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.storage.layout import checkpoint_prefix

_NAME = re.compile(r"xgboost-checkpoint\.(\d{1,9})")


class S3Checkpoints:
    """Implements `gridwatch.launch.repairing.CheckpointStore` for the XGBoost script's checkpoints."""

    def __init__(self, bucket: str, s3: Any = None) -> None:
        self._bucket = bucket
        self._s3 = s3

    def rounds(self, trial: tuple[str, str]) -> Sequence[int]:
        prefix, found = checkpoint_prefix(*trial), list[int]()
        with translated():
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                names = (item["Key"].removeprefix(prefix) for item in page.get("Contents", ()) if item["Size"])
                found.extend(int(match[1]) for name in names if (match := _NAME.fullmatch(name)))
        return sorted(found)

    def hand_on(self, trial: tuple[str, str], round_: int, to: tuple[str, str]) -> None:
        name = f"xgboost-checkpoint.{round_}"
        source = {"Bucket": self._bucket, "Key": f"{checkpoint_prefix(*trial)}{name}"}
        with translated():
            self._client.copy_object(Bucket=self._bucket, Key=f"{checkpoint_prefix(*to)}{name}", CopySource=source)

    @property
    def _client(self) -> Any:
        return self._s3 or client("s3")

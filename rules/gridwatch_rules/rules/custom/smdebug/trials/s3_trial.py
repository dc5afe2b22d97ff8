"""A trial in S3."""

from __future__ import annotations

import os
from typing import Any

from gridwatch_rules.rules.custom.smdebug.core.index_reader import S3IndexReader
from gridwatch_rules.rules.custom.smdebug.trials.trial import Trial


class S3Trial(Trial):
    def __init__(
        self,
        name: str,
        bucket_name: str,
        prefix_name: str,
        range_steps: tuple[Any, Any] | None = None,
        check: bool = False,
        index_mode: bool = True,
        cache: bool = False,
    ) -> None:
        super().__init__(name, range_steps=range_steps, parallel=False, check=check, index_mode=index_mode, cache=cache)
        self.bucket_name = bucket_name
        self.prefix_name = os.path.join(prefix_name, "")
        self.path = f"s3://{os.path.join(self.bucket_name, self.prefix_name)}"
        self.index_reader = S3IndexReader(self.path)
        self._load()

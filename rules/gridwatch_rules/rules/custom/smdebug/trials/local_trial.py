"""A trial in a folder."""

from __future__ import annotations

import os
from typing import Any

from gridwatch_rules.rules.custom.smdebug.core.index_reader import LocalIndexReader
from gridwatch_rules.rules.custom.smdebug.trials.trial import Trial


class LocalTrial(Trial):
    def __init__(
        self,
        name: str,
        dirname: str,
        range_steps: tuple[Any, Any] | None = None,
        parallel: bool = True,
        check: bool = False,
        index_mode: bool = True,
        cache: bool = False,
    ) -> None:
        super().__init__(
            name, range_steps=range_steps, parallel=parallel, check=check, index_mode=index_mode, cache=cache
        )
        self.path = os.path.expanduser(dirname)
        self.trial_dir = self.path
        self.index_reader = LocalIndexReader(self.path)
        self._load()

"""Opens the trial at a path."""

from __future__ import annotations

import os
from typing import Any

from gridwatch_rules.rules.custom.smdebug.core.utils import is_s3
from gridwatch_rules.rules.custom.smdebug.trials.local_trial import LocalTrial
from gridwatch_rules.rules.custom.smdebug.trials.profiler_trial import ProfilerTrial
from gridwatch_rules.rules.custom.smdebug.trials.s3_trial import S3Trial


def create_trial(
    path: str,
    name: str | None = None,
    profiler: bool = False,
    output_dir: str = "/opt/ml/processing/outputs/",
    **kwargs: Any,
) -> Any:
    """Open the tensors of a job, or with `profiler` its profile, at a folder or an s3:// address."""
    path = path.strip()
    name = os.path.basename(path) if name is None else name
    if profiler:
        return ProfilerTrial(name=name, trial_dir=path, output_dir=output_dir, **kwargs)
    in_s3, bucket, prefix = is_s3(path)
    if in_s3:
        return S3Trial(name=name, bucket_name=str(bucket), prefix_name=str(prefix), **kwargs)
    return LocalTrial(name=name, dirname=path, **kwargs)

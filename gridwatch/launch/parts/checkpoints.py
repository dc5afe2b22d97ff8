"""The part CheckpointConfig; the folder of each trial's checkpoints is filled in with the trial
(gridwatch.launch.request).
"""

from __future__ import annotations

from typing import Any

from gridwatch.spec.model import ExperimentSpec

LOCAL_PATH = "/opt/ml/checkpoints"  # where the spec says no other


def checkpoints_part(spec: ExperimentSpec) -> dict[str, Any]:
    if spec.checkpoints is None:
        resumes = spec.repair is not None and spec.repair.resume
        return {"CheckpointConfig": {"LocalPath": LOCAL_PATH}} if resumes else {}
    place = {} if spec.checkpoints.uri is None else {"S3Uri": spec.checkpoints.uri}
    return {"CheckpointConfig": {"LocalPath": spec.checkpoints.path, **place}}

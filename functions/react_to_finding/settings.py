"""The environment of react_to_finding."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    state_table: str
    artifacts_bucket: str
    experiments_bucket: str
    alert_queue_url: str
    batch_job_queue: str  # empty: training jobs are created on SageMaker directly
    name_prefix: str

"""The environment of sweep."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    state_table: str
    experiments_bucket: str
    artifacts_bucket: str
    start_queue_url: str
    track_queue_url: str
    evaluate_queue_url: str
    snapshot_queue_url: str
    alert_queue_url: str
    event_bus_name: str
    batch_job_queue: str  # empty: training jobs are created on SageMaker directly
    name_prefix: str

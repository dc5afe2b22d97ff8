"""The environment of track_job."""

from __future__ import annotations

from dataclasses import dataclass

from gridwatch.pace import SHARE


@dataclass(frozen=True, slots=True)
class Settings:
    state_table: str
    experiments_bucket: str
    artifacts_bucket: str
    start_queue_url: str
    evaluate_queue_url: str
    snapshot_queue_url: str
    alert_queue_url: str
    batch_job_queue: str  # empty: training jobs are created on SageMaker directly
    name_prefix: str
    watch_share: float = SHARE  # of a job's price that looking at it may cost
    watch_every_seconds: float = 0.0  # between two looks; 0: as often as costs least
    watch_pace: str = "auto"  # auto, price or free
    account_id: str = ""

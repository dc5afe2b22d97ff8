"""The environment of start_trials."""

from __future__ import annotations

from dataclasses import dataclass

from gridwatch.pace import SHARE


@dataclass(frozen=True, slots=True)
class Settings:
    state_table: str
    start_queue_url: str
    alert_queue_url: str
    snapshot_queue_url: str
    artifacts_bucket: str
    experiments_bucket: str
    launch_rate_per_second: float
    launch_burst: int
    batch_job_queue: str  # empty: training jobs are created on SageMaker directly
    batch_attempts: int
    name_prefix: str
    watch_share: float = SHARE  # of a job's price that looking at it may cost
    watch_every_seconds: float = 0.0  # between two looks; 0: as often as costs least
    watch_pace: str = "auto"  # auto, price or free
    account_id: str = ""

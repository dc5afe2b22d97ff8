"""The environment of snapshot_experiment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    state_table: str
    artifacts_bucket: str
    experiments_bucket: str
    alert_queue_url: str
    snapshot_queue_url: str
    name_prefix: str

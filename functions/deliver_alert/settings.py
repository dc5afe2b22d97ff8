"""The environment of deliver_alert."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """The function's settings. An empty text stands for something that the deployment does not have."""

    state_table: str
    experiments_bucket: str
    artifacts_bucket: str
    alert_queue_url: str
    alert_topic_arn: str
    chat_topic_arn: str
    webhook_queue_url: str
    webhook_channels: str  # names of gridwatch's channels, with commas
    group_seconds: int
    quiet_hours: str  # HH:MM-HH:MM
    time_zone: str
    alerts_per_hour: int  # 0: no limit
    critical_passes: bool
    name_prefix: str

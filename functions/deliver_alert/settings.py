"""The environment of deliver_alert."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    state_table: str
    alert_topic_arn: str
    name_prefix: str

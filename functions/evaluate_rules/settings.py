"""The environment of evaluate_rules."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    state_table: str
    artifacts_bucket: str
    event_bus_name: str
    name_prefix: str
    slow_queue_url: str
    evaluate_queue_url: str
    snapshot_queue_url: str
    look_interval_seconds: float
    table_interval_seconds: float
    custom_rule_interval_seconds: int

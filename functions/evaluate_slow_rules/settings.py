"""The environment of evaluate_slow_rules."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """The function's settings. `custom_rule_function` is empty where the deployment runs no code of users."""

    state_table: str
    artifacts_bucket: str
    event_bus_name: str
    name_prefix: str
    custom_rule_function: str
    max_deliveries: int  # of a message, before it lies among the dead letters

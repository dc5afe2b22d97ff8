"""The environment of run_custom_rule."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    artifacts_bucket: str
    custom_rule_sources: str  # S3 prefixes with commas between them
    custom_rule_seconds: int

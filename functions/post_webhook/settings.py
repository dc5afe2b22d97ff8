"""The environment of post_webhook."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """The function's settings. An empty text stands for a channel that the deployment does not have."""

    slack_secret_arn: str
    incident_secret_arn: str
    webhook_queue_url: str
    dead_letter_queue_url: str
    name_prefix: str

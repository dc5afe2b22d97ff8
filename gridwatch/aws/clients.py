"""The AWS clients of a process: each is made on first use, once per service, with one retry configuration."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

# Retries within a call cover short hiccups; waiting longer is the caller's decision (token bucket, queue, schedule).
# Timeouts are far below the functions' own, so that a hanging connection is an error and not a killed invocation.
CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=3,
    read_timeout=20,
    user_agent_extra="gridwatch",
)


@cache
def client(service: str) -> Any:
    """The process's one client of a service; region, endpoint and credentials come from the environment."""
    return boto3.client(service, config=CONFIG)


@cache
def patient_client(service: str, seconds: int) -> Any:
    """A client for calls that take up to the given number of seconds; it does not retry them."""
    once = Config(read_timeout=seconds, retries={"mode": "standard", "total_max_attempts": 1})
    return boto3.client(service, config=CONFIG.merge(once))


@cache
def single_try_client(service: str) -> Any:
    """A client that makes each call once, for callers that pace and retry by themselves and must see every refusal."""
    return boto3.client(service, config=CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1})))


@cache
def region() -> str:
    """The region that this process works in."""
    return str(client("s3").meta.region_name)

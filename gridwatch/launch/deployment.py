"""The parts of a deployment that go into the requests of its training jobs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What a deployment puts into every request."""

    region: str
    name_prefix: str
    experiments_bucket: str
    artifacts_bucket: str
    job_role_arn: str
    xgboost_source_uri: str
    hook_source_uri: str = ""  # the archive of the hook that is brought into jobs; empty: this deployment has none
    hook_version: str = ""
    custom_rule_sources: tuple[str, ...] = ()  # S3 prefixes whose code may run as a rule; none: no such code runs
    allowed_in_specs: tuple[str, ...] = ()  # patterns (*) of what specs may name: roles, images, subnets, keys, …
    is_known: bool = True  # False: placeholders stand here, and nothing is refused because of them

"""The environment of launch_grid."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    experiments_bucket: str
    artifacts_bucket: str
    state_table: str
    idempotency_table: str
    start_queue_url: str
    alert_queue_url: str
    snapshot_queue_url: str
    job_role_arn: str
    name_prefix: str
    xgboost_source_uri: str
    processing_instances: int  # the account's quota; 0: Service Quotas is asked
    allowed_in_specs: str  # patterns with commas between them of the roles, images, keys, … that a spec may name
    hook_source_uri: str  # the archive of the hook that is brought into jobs
    hook_version: str
    custom_rule_sources: str  # S3 prefixes with commas between them; empty: no code of users runs as a rule

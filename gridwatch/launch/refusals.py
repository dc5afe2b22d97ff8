"""What a deployment refuses in a spec that is correct in itself: code from elsewhere, other people's tensors.

A spec is untrusted input. What it names must be within reach of the deployment's roles; this is reported here rather
than when a job runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gridwatch.domain.rules import RulePolicy
from gridwatch.launch.deployment import Deployment
from gridwatch.spec.problems import Path, Problem, enumerated, shown
from gridwatch.spec.rule_source import is_allowed, source_uri
from gridwatch.storage.layout import s3_uri, tensor_prefix

OTHER_TRIALS = "other_trials"
_JOB = re.compile(r"[A-Za-z0-9](?:-*[A-Za-z0-9]){0,62}")


def refusals(policies: Sequence[RulePolicy], deployment: Deployment) -> Iterator[Problem]:
    """The problems of the rules. `policies` are as `resolved` made them, in the order of the spec's rules."""
    if not deployment.is_known:
        return
    for index, policy in enumerate(policies):
        if policy.source is not None and not is_allowed(policy.source, deployment.custom_rule_sources):
            yield _foreign_code(("rules", index, "source"), policy.source, deployment)
        for location in _others(policy):
            if _job_of(location, deployment.artifacts_bucket) is None:
                yield Problem(
                    path=("rules", index, "parameters", OTHER_TRIALS),
                    message="is no job whose tensors this deployment keeps",
                    found=shown(location),
                    allowed="names of training jobs, or s3://…/tensors/<job>/debug-output of the artifacts bucket",
                )


def resolved(policy: RulePolicy, deployment: Deployment) -> RulePolicy:
    """The policy with full addresses: that of its own file, and those of other jobs that it names."""
    if policy.source is not None:
        policy = replace(policy, source=source_uri(policy.source, deployment.experiments_bucket))
    others = _others(policy)
    if not others:
        return policy
    addresses = [
        s3_uri(deployment.artifacts_bucket, tensor_prefix(other).rstrip("/")) if _JOB.fullmatch(other) else other
        for other in others
    ]
    return replace(policy, parameters={**policy.parameters, OTHER_TRIALS: ",".join(addresses)})


def _foreign_code(path: Path, source: str, deployment: Deployment) -> Problem:
    prefixes = deployment.custom_rule_sources
    if not prefixes:
        advice = "its administrator can allow prefixes (custom_rule_sources)"
        message = "this deployment runs no rules of users' own"
        return Problem(path=path, message=message, found=shown(source), advice=advice)
    message = "this deployment does not run code from here"
    return Problem(path=path, message=message, found=shown(source), allowed=enumerated(prefixes))


def _others(policy: RulePolicy) -> list[str]:
    given = policy.parameters.get(OTHER_TRIALS)
    parts = given.split(",") if isinstance(given, str) else given if isinstance(given, list | tuple) else []
    return [str(part).strip() for part in parts if str(part).strip()]


def _job_of(location: str, artifacts_bucket: str) -> str | None:
    """The job at an address below the tensors of the deployment; None for any other address."""
    found = re.fullmatch(rf"s3://{re.escape(artifacts_bucket)}/tensors/({_JOB.pattern})/debug-output/?", location)
    return found[1] if found else None

"""Checks of buckets, roles and webhooks: those of a deployment, and existing ones that a deployment will be given."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from gridwatch.cli.context import Cloud
from gridwatch.cli.deployment import Deployment
from gridwatch.cli.doctor.checks import Check, Result, looked
from gridwatch.cli.session import Session

_SAGEMAKER = "sagemaker.amazonaws.com"


def given_checks(session: Session, buckets: Sequence[str], roles: Sequence[str], secrets: Sequence[str]) -> list[Check]:
    """The checks of resources that exist before the deployment and are named in its settings or in specs."""
    found = []
    for bucket in buckets:
        found += looked("bucket", partial(_bucket, session.s3, bucket))
    for role in roles:
        found += looked("role", partial(_role, session.client("iam"), role, {}))
    for secret in secrets:
        found += looked("webhook secret", partial(_secret, session.client("secretsmanager"), secret))
    return found


def deployed_checks(cloud: Cloud) -> list[Check]:
    """The checks of a stack that exists."""
    session, deployment = cloud.session, cloud.deployment
    secrets: list[str] = []
    found = given_checks(session, (deployment.experiments_bucket, deployment.artifacts_bucket), (), ())
    found += looked("role", lambda: _role(session.client("iam"), deployment.job_role, _needs(deployment)))
    found += looked("webhook", lambda: _webhooks(session.client("lambda"), deployment.name_prefix, secrets))
    found += looked("alert topic", lambda: _subscribers(session.sns, deployment.alert_topic, told_else=bool(secrets)))
    return found + given_checks(session, (), (), secrets) + looked("Debugger", lambda: _debugger(cloud))


def debugger_unknown() -> Check:
    return Check(
        "Debugger",
        Result.UNKNOWN,
        "AWS closed SageMaker Debugger to new customers on 2026-07-30, and only a training job shows whether this "
        "account has it: a request that is not refused starts an instance, so it is not tried here",
        "nothing, unless specs are to say engine: debugger or auto; Gridwatch's own rules need no Debugger",
    )


def _bucket(s3: Any, bucket: str) -> Iterator[Check]:
    try:
        told = s3.get_bucket_notification_configuration(Bucket=bucket)
    except s3.exceptions.NoSuchBucket:
        yield Check("bucket", Result.FAILED, f"there is no bucket {bucket}", "create it, or name another")
        return
    if "EventBridgeConfiguration" in told:
        yield Check("bucket", Result.OK, f"{bucket} sends its events to EventBridge")
    else:
        advice = "turn EventBridge on in the bucket's properties; it takes about five minutes to have an effect"
        yield Check("bucket", Result.FAILED, f"{bucket} sends nothing to EventBridge: uploads would do nothing", advice)


def _needs(deployment: Deployment) -> Mapping[str, str]:
    """What a training job does in its role: the actions, and on which resources."""
    partition = deployment.job_role.split(":")[1]
    return {
        "s3:GetObject": f"arn:{partition}:s3:::{deployment.experiments_bucket}/data/any",
        "s3:PutObject": f"arn:{partition}:s3:::{deployment.artifacts_bucket}/tensors/any",
        "ecr:GetAuthorizationToken": "*",
    }


def _role(iam: Any, arn: str, needs: Mapping[str, str]) -> Iterator[Check]:
    try:
        role = iam.get_role(RoleName=arn.rpartition("/")[2])["Role"]
    except iam.exceptions.NoSuchEntityException:
        yield Check("role", Result.FAILED, f"there is no role {arn}", "create it, or deploy again")
        return
    if not _trusts(role["AssumeRolePolicyDocument"]):
        advice = f"let {_SAGEMAKER} assume it, in the role's trust policy"
        yield Check("role", Result.FAILED, f"{arn} cannot be assumed by SageMaker", advice)
        return
    yield Check("role", Result.OK, f"{arn} is there, and SageMaker may assume it")
    for action, resource in needs.items():
        request = {"PolicySourceArn": arn, "ActionNames": [action], "ResourceArns": [resource]}
        (answer,) = iam.simulate_principal_policy(**request)["EvaluationResults"]
        if answer["EvalDecision"] != "allowed":
            advice = "deploy again; look at the role's policies, its permissions boundary and the organization's"
            found = f"{arn} may not {action} on {resource} ({answer['EvalDecision']})"
            yield Check("role", Result.FAILED, found, advice)


def _trusts(document: Mapping[str, Any]) -> bool:
    statements = document.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        named = principal.get("Service", []) if isinstance(principal, Mapping) else []
        if statement.get("Effect") == "Allow" and _SAGEMAKER in ([named] if isinstance(named, str) else named):
            return True
    return False


def _webhooks(lambda_: Any, name_prefix: str, secrets: list[str]) -> Iterator[Check]:
    """Check the webhooks, and add to `secrets` the ARNs of the secrets in the deployed function's environment."""
    try:
        told = lambda_.get_function_configuration(FunctionName=f"{name_prefix}-post-webhook")
    except lambda_.exceptions.ResourceNotFoundException:
        yield Check("webhook", Result.OK, "none is configured")
        return
    values = told.get("Environment", {}).get("Variables", {}).values()
    secrets += [value for value in values if re.match(r"arn:[^:]*:secretsmanager:", value)]
    yield Check("webhook", Result.OK, f"{len(secrets)} configured")


def _secret(secrets: Any, arn: str) -> Iterator[Check]:
    """The check of a secret's form, of which nothing is shown. Nothing is posted, since people would be told something
    untrue.
    """
    try:
        text = str(secrets.get_secret_value(SecretId=arn).get("SecretString", "")).strip()
    except secrets.exceptions.ResourceNotFoundException:
        yield Check(
            "webhook secret", Result.FAILED, f"there is no secret {arn}", "create it, with the webhook's address"
        )
        return
    if _address(text).startswith("https://"):
        yield Check("webhook secret", Result.OK, f"{arn} holds an address")
    else:
        advice = "put in the webhook's https:// address, or a JSON object with url, and perhaps headers and routing_key"
        yield Check("webhook secret", Result.FAILED, f"{arn} holds no https:// address", advice)


def _address(secret: str) -> str:
    if not secret.startswith("{"):
        return secret
    try:
        return str(json.loads(secret).get("url", ""))
    except (ValueError, RecursionError):
        return ""


def _subscribers(sns: Any, topic: str, *, told_else: bool) -> Iterator[Check]:
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    found = [each for page in pages for each in page["Subscriptions"]]
    for each in found:
        if each["SubscriptionArn"] == "PendingConfirmation":
            advice = "follow the link in the mail that SNS sent"
            yield Check("alert topic", Result.WARNING, f"{each['Endpoint']} has not confirmed", advice)
    confirmed = sum(each["SubscriptionArn"] != "PendingConfirmation" for each in found)
    if confirmed or told_else:
        yield Check("alert topic", Result.OK, f"{confirmed} subscribers")
    else:
        advice = "set alert_emails, a chat or a webhook, or subscribe to the topic"
        yield Check("alert topic", Result.WARNING, f"nobody is subscribed to {topic}", advice)


def _debugger(cloud: Cloud) -> Iterator[Check]:
    refusal = cloud.store.get_debugger_refusal()
    if refusal is None or refusal.forgotten:
        yield debugger_unknown()
        return
    advice = "nothing with engine: auto or gridwatch; `gridwatch debugger forget` has it tried again"
    found = f"refused on {refusal.at:%Y-%m-%d}: {refusal.code}: {refusal.words}"
    yield Check("Debugger", Result.WARNING, found, advice)

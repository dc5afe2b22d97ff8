"""Checks of an account and region before a deployment. Every call only reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gridwatch.cli.doctor.checks import Check, Result, looked
from gridwatch.cli.session import Session

BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
_BOOTSTRAP_VERSION = 6  # requiresBootstrapStackVersion of the synthesized stack
_CONCURRENT = 50  # executions; a fresh account may have 10, which eleven functions share with all else in the region
_ALL_TRAINING = "Number of instances across all training jobs"
_ALL_PROCESSING = "Number of instances across all processing jobs"


def account_checks(session: Session, instance_types: Sequence[str]) -> list[Check]:
    """The checks of the account. `instance_types` are those that specs will train on."""
    return [
        *looked("account", lambda: _identity(session)),
        *looked("image", lambda: _images(session.region, instance_types)),
        *looked("bootstrap", lambda: _bootstrap(session.client("ssm"))),
        *looked("training quota", lambda: _quotas(session.client("service-quotas"), instance_types)),
        *looked("Lambda concurrency", lambda: _concurrency(session.client("lambda"))),
    ]


def _identity(session: Session) -> Iterator[Check]:
    whose = session.client("sts").get_caller_identity()
    yield Check("account", Result.OK, f"{whose['Account']} in {session.region}, as {whose['Arn']}")


def _images(region: str, instance_types: Sequence[str]) -> Iterator[Check]:
    # pydantic takes a while to import
    from gridwatch.launch.images import NoImageError, UnknownRegionError, image_address  # noqa: PLC0415
    from gridwatch.spec.parts.algorithm import Algorithm  # noqa: PLC0415

    for instance_type in instance_types:
        try:
            address = image_address(Algorithm(name="xgboost", version="3.2-0"), region, instance_type)
        except (UnknownRegionError, NoImageError) as error:
            advice = "choose another region, or name an image of your own in specs (algorithm.image)"
            yield Check("image", Result.FAILED, str(error), advice)
        else:
            yield Check(
                "image", Result.OK, f"XGBoost for {instance_type}: {address} (that it can be pulled, a job shows)"
            )


def _bootstrap(ssm: Any) -> Iterator[Check]:
    advice = "run `npx --no-install cdk bootstrap` once for this account and region"
    try:
        version = int(ssm.get_parameter(Name=BOOTSTRAP)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        yield Check("bootstrap", Result.FAILED, f"there is no {BOOTSTRAP}: the region is not bootstrapped", advice)
        return
    good = version >= _BOOTSTRAP_VERSION
    found = f"version {version}, where at least {_BOOTSTRAP_VERSION} is needed"
    yield Check("bootstrap", Result.OK if good else Result.FAILED, found, "" if good else advice)


def _quotas(quotas: Any, instance_types: Sequence[str]) -> Iterator[Check]:
    # The account's own values are listed alone: what nobody changed is among the defaults.
    values = _listed(quotas.get_paginator("list_aws_default_service_quotas")) | _listed(
        quotas.get_paginator("list_service_quotas")
    )
    for quota in [_ALL_TRAINING, *(f"{each} for training job usage" for each in dict.fromkeys(instance_types))]:
        yield _quota("training quota", quota, values, Result.FAILED, "no job can start")
    yield _quota("processing quota", _ALL_PROCESSING, values, Result.WARNING, "no rule of SageMaker's Debugger can run")


def _quota(name: str, quota: str, values: Mapping[str, float], when_zero: Result, means: str) -> Check:
    if quota not in values:
        return Check(
            name, Result.UNKNOWN, f"Service Quotas lists no {quota!r} here", "is the instance type's name right?"
        )
    count = int(values[quota])
    if count == 0:
        advice = f"request an increase of {quota!r} (SageMaker) in Service Quotas"
        return Check(name, when_zero, f"{quota}: 0, so {means}", advice)
    return Check(name, Result.OK, f"{quota}: {count}")


def _listed(paginator: Any) -> dict[str, float]:
    pages = paginator.paginate(ServiceCode="sagemaker")
    return {quota["QuotaName"]: quota["Value"] for page in pages for quota in page["Quotas"]}


def _concurrency(lambda_: Any) -> Iterator[Check]:
    free = int(lambda_.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"])
    found = f"{free} executions at one time are not reserved by others"
    if free >= _CONCURRENT:
        yield Check("Lambda concurrency", Result.OK, found)
    else:
        advice = "events wait and come later; request an increase of 'Concurrent executions' (Lambda) in Service Quotas"
        yield Check("Lambda concurrency", Result.WARNING, found, advice)

"""Applies an account's rules to every role and function: a permissions boundary, a path, a network without internet
access.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct, IConstruct

from infra.constructs import permissions
from infra.settings import DeploymentSettings

T = TypeVar("T", bound=IConstruct)
# The services that the functions call. S3 and DynamoDB have gateway endpoints, which cost nothing.
INTERFACES = (
    "ecr.api", "events", "kms", "lambda", "logs", "sagemaker.api", "secretsmanager", "servicequotas", "sns", "sqs",
    "sts", "xray",
)  # fmt: skip
GATEWAYS = ("dynamodb", "s3")


def place(scope: Construct, settings: DeploymentSettings) -> None:
    """Place everything that `scope` holds so far as the settings say."""
    for role in _all(scope, iam.CfnRole):
        role.path = settings.role_path if settings.role_path != "/" else None
        role.permissions_boundary = settings.permissions_boundary_arn or None
    if settings.subnet_ids:
        _into_the_network(scope, settings)
    if settings.vpc_endpoints_in:
        _endpoints(scope, settings)


def _into_the_network(scope: Construct, settings: DeploymentSettings) -> None:
    for function in _all(scope, lambda_.CfnFunction):
        function.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
            subnet_ids=list(settings.subnet_ids), security_group_ids=list(settings.security_group_ids)
        )
    for made in _all(scope, lambda_.Function):
        for statement in permissions.use_network(settings.name_prefix):
            made.add_to_role_policy(statement)


def _endpoints(scope: Construct, settings: DeploymentSettings) -> None:
    """Create the endpoints through which a network without internet access reaches AWS; `vpc_endpoints_in` is the
    network.
    """
    through_batch = ("batch",) if settings.launch_target == "batch" else ()
    for service in (*INTERFACES, *through_batch):
        ec2.CfnVPCEndpoint(
            scope,
            f"Endpoint{service.replace('.', '').capitalize()}",
            vpc_id=settings.vpc_endpoints_in,
            service_name=permissions.endpoint_service(service),
            vpc_endpoint_type="Interface",
            private_dns_enabled=True,
            subnet_ids=list(settings.subnet_ids),
            security_group_ids=list(settings.security_group_ids),
        )
    for service in GATEWAYS:
        ec2.CfnVPCEndpoint(
            scope,
            f"Endpoint{service.capitalize()}",
            vpc_id=settings.vpc_endpoints_in,
            service_name=permissions.endpoint_service(service),
            vpc_endpoint_type="Gateway",
            route_table_ids=list(settings.route_table_ids),
        )


def _all(scope: Construct, kind: type[T]) -> Iterator[T]:
    return (each for each in scope.node.find_all() if isinstance(each, kind))

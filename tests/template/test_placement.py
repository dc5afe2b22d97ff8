"""Where an account wants its roles and functions: a path, a boundary, a network without a way out; any partition."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from infra.settings import DeploymentSettings, DeploymentSettingsError
from tests.template.conftest import OPTIONAL_PARTS, Synthesize
from tests.template.synthesized import Synthesized

BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
NETWORK = {
    "subnet_ids": "subnet-0a1b2c3d,subnet-1a1b2c3d",
    "security_group_ids": "sg-0a1b2c3d",
    "vpc_endpoints_in": "vpc-0a1b2c3d",
    "route_table_ids": "rtb-0a1b2c3d",
}
# Services of which the functions' roles hold actions, by the endpoint that leads there; None: not called by our code.
ENDPOINTS = {
    "batch": "batch", "dynamodb": "dynamodb", "ec2": None, "ecr": "ecr.api", "events": "events", "iam": None,
    "kms": "kms", "lambda": "lambda",
    "logs": "logs", "s3": "s3", "sagemaker": "sagemaker.api", "secretsmanager": "secretsmanager",
    "servicequotas": "servicequotas", "sns": "sns", "sqs": "sqs", "xray": "xray",
}  # fmt: skip


def test_every_role_has_the_path_and_the_boundary_that_the_account_asks_for(synthesize: Synthesize) -> None:
    found = synthesize(**OPTIONAL_PARTS, role_path="/platform/", permissions_boundary_arn=BOUNDARY)
    roles = found.of_type("AWS::IAM::Role")
    assert len(roles) > len(found.functions)
    assert {(role["Path"], role["PermissionsBoundary"]) for role in roles.values()} == {("/platform/", BOUNDARY)}


def test_by_default_there_is_neither(synthesized: Synthesized) -> None:
    for role in synthesized.of_type("AWS::IAM::Role").values():
        assert not {"Path", "PermissionsBoundary"} & set(role)


@pytest.fixture(scope="module")
def network(synthesize: Synthesize) -> Synthesized:
    return synthesize(**OPTIONAL_PARTS, create_kms_key=True, launch_target="batch", **NETWORK)


def test_every_function_runs_in_the_network(network: Synthesized) -> None:
    placed = {"SubnetIds": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"], "SecurityGroupIds": ["sg-0a1b2c3d"]}
    assert len(network.functions) >= 11
    for function in network.functions.values():
        assert function.properties["VpcConfig"] == placed


def test_lambda_may_make_network_interfaces_and_the_code_may_not(network: Synthesized) -> None:
    for function in network.functions.values():
        statements = [each for each in network.statements(network.role_of(function)) if "ec2:" in str(each["Action"])]
        assert [each["Effect"] for each in statements] == ["Allow", "Deny"]
        allowed, denied = statements
        # The CDK puts what is allowed on the same resources into one statement.
        assert [action for action in allowed["Action"] if action.startswith("ec2:")] == denied["Action"]
        assert denied["Condition"]["ArnLike"]["lambda:SourceFunctionArn"].endswith(":function:gridwatch-*")


def test_there_is_an_endpoint_for_every_service_that_a_function_calls(network: Synthesized) -> None:
    services = {
        action.partition(":")[0]
        for function in network.functions.values()
        for statement in network.statements(network.role_of(function))
        for action in statement["Action"]
    }
    found = network.of_type("AWS::EC2::VPCEndpoint").values()
    names = {endpoint["ServiceName"].removeprefix("com.amazonaws.eu-west-1.") for endpoint in found}
    assert {ENDPOINTS[service] for service in services} - {None} <= names
    for endpoint in found:
        assert endpoint["VpcId"] == "vpc-0a1b2c3d"
        if endpoint["VpcEndpointType"] == "Interface":
            assert endpoint["PrivateDnsEnabled"] is True
        else:
            assert endpoint["RouteTableIds"] == ["rtb-0a1b2c3d"]


@pytest.mark.parametrize(
    ("context", "problem"),
    [
        ({"role_path": "platform"}, "role_path: 'platform' must be a path such as /platform/"),
        ({"permissions_boundary_arn": "boundary"}, "permissions_boundary_arn: 'boundary' is not the ARN"),
        ({"subnet_ids": "subnet-0a1b2c3d"}, "subnet_ids, security_group_ids: give both or neither"),
        (
            {"subnet_ids": "10.0.0.0/24", "security_group_ids": "sg-0a1b2c3d"},
            "subnet_ids: ('10.0.0.0/24',) must be ids",
        ),
        ({"vpc_endpoints_in": "vpc-0a1b2c3d"}, "vpc_endpoints_in: needs subnet_ids"),
    ],
)
def test_what_cannot_be_placed_is_refused(context: dict[str, object], problem: str) -> None:
    with pytest.raises(DeploymentSettingsError) as raised:
        DeploymentSettings.from_context(context)
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("partition", "region", "suffix"),
    [
        ("aws", "us-east-1", "amazonaws.com"),
        ("aws", "eu-west-1", "amazonaws.com"),
        ("aws-us-gov", "us-gov-west-1", "amazonaws.com"),
        ("aws-cn", "cn-north-1", "amazonaws.com.cn"),
    ],
)
def test_the_same_template_goes_to_any_partition_account_and_region(
    network: Synthesized, partition: str, region: str, suffix: str
) -> None:
    account = "210987654321"
    here = {
        "AWS::Partition": partition,
        "AWS::Region": region,
        "AWS::AccountId": account,
        "AWS::URLSuffix": suffix,
    }
    text = json.dumps(_with(network.raw["Resources"], here))
    # What people gave in the settings is theirs; whatever else is an ARN lies in this partition, account and region.
    for given in (value for value in OPTIONAL_PARTS.values() if value.startswith("arn:")):
        text = text.replace(given, "")
    arns = re.findall(r"arn:[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:[0-9*]*:", text)
    assert len(arns) > 25
    for arn in arns:
        _, its_partition, _, its_region, its_account, _ = arn.split(":")
        assert its_partition == partition
        assert its_region in ("", region)
        assert its_account in ("", "*", account)
    regions = set(re.findall(r"\b(?:us|eu|ap|sa|ca|me|af|cn|il|mx)-(?:gov-)?[a-z]+-[1-9]\b", text))
    assert regions <= {region}


def _with(value: Any, here: dict[str, str]) -> Any:
    """The template as CloudFormation reads it there; references to other resources stay."""
    if isinstance(value, list):
        return [_with(item, here) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return here.get(value["Ref"], f"<{value['Ref']}>")
    if set(value) == {"Fn::Join"}:
        separator, parts = value["Fn::Join"]
        return separator.join(str(_with(part, here)) for part in parts)
    if set(value) == {"Fn::Sub"}:
        return re.sub(r"\$\{([^}]+)\}", lambda found: here.get(found[1], found[0]), value["Fn::Sub"])
    return {key: _with(item, here) for key, item in value.items()}

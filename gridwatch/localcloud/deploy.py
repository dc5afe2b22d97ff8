"""Deploy a synthesized app (cdk.out) as the CDK's own command does: stage assets, create or update stacks."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from gridwatch.localcloud.assets import fill, read_assets

BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
# The newest bootstrap version that a template of the pinned CDK asks for is far below.
BOOTSTRAP_VERSION = "30"
_POLL = 0.05
_GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


class DeployError(Exception):
    """The stack did not come up; the message has CloudFormation's reasons."""


@dataclass(frozen=True, slots=True)
class StackArtifact:
    """One stack of a cloud assembly; ``staged`` is the template's place in the staging bucket (``s3://...``)."""

    name: str
    template: Path
    staged: str | None
    assets: Path | None
    tags: Mapping[str, str]


def deploy(
    cdk_out: Path, endpoint: str, parameters: Mapping[str, str] | None = None, *, region: str = "us-east-1",
    account: str = "000000000000", timeout: float = 120.0,
) -> dict[str, str]:  # fmt: skip
    """Deploy every stack of ``cdk_out`` and return their outputs. Raises AssetError or DeployError."""
    session = boto3.session.Session(account, "local", region_name=region)
    # Checksums on the way to a server on this machine would only cost time.
    config = Config(request_checksum_calculation="when_required")
    services = ("s3", "ssm", "cloudformation")
    clients = {name: session.client(name, endpoint_url=endpoint, config=config) for name in services}
    clients["ssm"].put_parameter(Name=BOOTSTRAP_PARAMETER, Value=BOOTSTRAP_VERSION, Type="String", Overwrite=True)
    names = {"AWS::AccountId": account, "AWS::Region": region, "AWS::Partition": "aws"}
    outputs: dict[str, str] = {}
    for stack in _stacks(cdk_out):
        if stack.assets:
            _stage(clients["s3"], stack.assets, names)
        template = _template(stack, endpoint, names)
        outputs |= _apply(clients["cloudformation"], stack, template, parameters or {}, timeout)
    return outputs


def _stacks(cdk_out: Path) -> Iterator[StackArtifact]:
    """The assembly's stacks, each after those that it depends on (the manifest is in this order)."""
    manifest = cdk_out / "manifest.json"
    if not manifest.exists():
        raise DeployError(f"{cdk_out} is not a synthesized app (no manifest.json): run `make synth`")
    artifacts = json.loads(manifest.read_text())["artifacts"]
    for name, artifact in artifacts.items():
        if artifact["type"] != "aws:cloudformation:stack":
            continue
        properties = artifact["properties"]
        assets = cdk_out / f"{name}.assets.json"
        yield StackArtifact(
            properties.get("stackName", name),
            cdk_out / properties["templateFile"],
            properties.get("stackTemplateAssetObjectUrl"),
            assets if assets.exists() else None,
            properties.get("tags", {}),
        )


def _stage(s3: Any, manifest: Path, names: Mapping[str, str]) -> None:
    """Upload the assets that are missing; an asset's key is the hash of its content."""
    buckets = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for asset in read_assets(manifest, names):
        if asset.bucket not in buckets:
            s3.create_bucket(Bucket=asset.bucket, **_location(names["AWS::Region"]))
            buckets.add(asset.bucket)
        try:
            s3.head_object(Bucket=asset.bucket, Key=asset.key)
        except ClientError:
            s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=asset.body())


def _location(region: str) -> dict[str, Any]:
    return {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}


def _template(stack: StackArtifact, endpoint: str, names: Mapping[str, str]) -> dict[str, str]:
    """The template as a request names it: where it was staged, because a request holds 51,200 bytes of it at most."""
    if stack.staged is None:
        return {"TemplateBody": stack.template.read_text()}
    return {"TemplateURL": fill(stack.staged, names).replace("s3:/", endpoint, 1)}


def _apply(
    cloudformation: Any,
    stack: StackArtifact,
    template: Mapping[str, str],
    parameters: Mapping[str, str],
    timeout: float,
) -> dict[str, str]:
    """Create or update one stack, wait for it, and return its outputs."""
    document = json.loads(stack.template.read_text())
    known = document.get("Parameters", {})
    # What the template itself wants here in place of its defaults.
    parameters = {**document.get("Metadata", {}).get("localcloud", {}).get("parameters", {}), **parameters}
    request = {
        "StackName": stack.name,
        **template,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items() if key in known
        ],
        "Tags": [{"Key": key, "Value": value} for key, value in stack.tags.items()],
    }
    is_new = _status(cloudformation, stack.name) is None
    try:
        (cloudformation.create_stack if is_new else cloudformation.update_stack)(**request)
    except ClientError as error:
        told = error.response["Error"]["Message"]
        if "No updates are to be performed" not in told:
            raise DeployError(f"stack {stack.name} was refused: {told}") from error
    return _wait(cloudformation, stack.name, timeout)


def _status(cloudformation: Any, name: str) -> str | None:
    try:
        status: str = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    except ClientError:
        return None
    return status


def _wait(cloudformation: Any, name: str, timeout: float) -> dict[str, str]:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if stack["StackStatus"] in _GOOD:
            return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            raise DeployError(f"stack {name} is {stack['StackStatus']}: {_reasons(cloudformation, name)}")
        time.sleep(_POLL)
    raise DeployError(f"stack {name} was not ready within {timeout:.0f} s")


def _reasons(cloudformation: Any, name: str) -> str:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    told = [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '?')}" for event in reversed(failed)]
    # What was found before anything was created, such as a bucket that exists, is told by this operation alone.
    found = cloudformation.describe_events(StackName=name).get("OperationEvents", [])
    told += [
        f"{event['LogicalResourceId']}: {event['ValidationStatusReason']}"
        for event in found
        if event.get("ValidationStatusReason")
    ]
    return "; ".join(dict.fromkeys(told))

"""The whole stack, as it is deployed to AWS, in an embedded cloud of its own: once for each test process.

With GRIDWATCH_TEST_STACK the stories are told on that deployment instead, wherever credentials and AWS_ENDPOINT_URL
lead: `make test-aws STACK=...`.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from gridwatch.cli.demo.dataset import Dataset, generate
from gridwatch.localcloud import LocalCloud
from gridwatch.localcloud.deploy import deploy
from tests.permissions.taken_away import take_away
from tests.story.deployed import Deployed, Mailbox
from tests.story.permissions import Permissions

# As in tests/template: before the CDK starts Node.
pytest.MonkeyPatch().setenv("CDK_VALIDATION", "false")

ROOT = Path(__file__).resolve().parents[2]


STACK = os.environ.get("GRIDWATCH_TEST_STACK")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        item.add_marker(pytest.mark.story)
        if STACK and "deployed" not in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason="it deploys into an embedded cloud of its own"))
        elif STACK and "_localcloud" in item.path.read_text():
            item.add_marker(pytest.mark.skip(reason="it tells the embedded cloud what is to go wrong"))


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Under the strict profile: signatures and policies are checked on every call."""
    if STACK:
        yield elsewhere(STACK)
        return
    from infra.app import create_app

    assembly = tmp_path_factory.mktemp("cdk.out")
    create_app({"custom_rule_sources": "code/"}, outdir=str(assembly)).synth()
    take_away(assembly)
    with LocalCloud.start(options=("--strict",)) as cloud:
        outputs = deploy(assembly, cloud.endpoint, region=cloud.region)
        keys = cloud.environment()
        session = boto3.Session(
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            region_name=cloud.region,
        )
        yield Deployed(session, cloud.endpoint, outputs, Permissions.of(assembly, cloud.endpoint, session))


def elsewhere(stack: str) -> Deployed:
    """A deployment that is there already, in an account or in whatever AWS_ENDPOINT_URL names."""
    session, endpoint = boto3.Session(), os.environ.get("AWS_ENDPOINT_URL")
    found = session.client("cloudformation", endpoint_url=endpoint).describe_stacks(StackName=stack)["Stacks"][0]
    return Deployed(session, endpoint, {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]})


@pytest.fixture(autouse=True)
def nothing_is_refused(request: pytest.FixtureRequest) -> Iterator[None]:
    """No call of a function or a job is refused while a story runs; what it used is written down where asked for."""
    begun = time.monotonic()
    told = "deployed" in request.fixturenames
    if told:
        deployed: Deployed = request.getfixturevalue("deployed")
        deployed.storyteller = request.path.name
    yield
    if told and deployed.permissions:
        deployed.permissions.settle(request.node.nodeid, time.monotonic() - begun)


@pytest.fixture
def mailbox(deployed: Deployed) -> Mailbox:
    """A mailbox that gets every alert from now on."""
    return Mailbox.open(deployed, f"mail-{uuid.uuid4().hex[:8]}")


@pytest.fixture(scope="session")
def blobs() -> Dataset:
    return generate()


@pytest.fixture
def example() -> object:
    """The text of an example spec."""
    return lambda name: (ROOT / "examples" / f"{name}.yaml").read_text()

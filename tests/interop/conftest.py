"""Fixtures that run the peers' scripts in their environment, and an S3 for both sides."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from gridwatch.localcloud import LocalCloud
from scripts.peer_environment import python_of, why_missing

PEERS = Path(__file__).parent / "peers"
BUCKET = "tensors"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            environment = "sagemaker" if item.path.stem == "test_sdk_analytics" else "interop"
            if reason := why_missing(environment):
                item.add_marker(pytest.mark.skip(reason=reason))


@dataclass(frozen=True)
class Peers:
    """smdebug and TensorBoard, or the SageMaker SDK; `environment` holds what they need to reach the S3."""

    environment: dict[str, str]
    installed_in: str = "interop"

    def ask(self, script: str, *arguments: object) -> Any:
        """Run a script of peers/ and return what it answers."""
        command = [str(python_of(self.installed_in)), "-W", "ignore", str(PEERS / f"{script}.py"), *map(str, arguments)]
        finished = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert finished.returncode == 0, finished.stdout[-1000:] + finished.stderr[-3000:]
        answers = [line for line in finished.stdout.splitlines() if line.startswith("ANSWER ")]
        return json.loads(answers[-1].removeprefix("ANSWER ")) if answers else None


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with LocalCloud.start(state_dir=tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture(scope="session")
def s3(cloud: LocalCloud) -> Any:
    given = cloud.environment()
    client = boto3.client(
        "s3",
        endpoint_url=cloud.endpoint,
        region_name=cloud.region,
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture(scope="session")
def local_peers() -> Peers:
    quiet = {"SMDEBUG_LOG_LEVEL": "error", "SMDEBUG_TRAINING_END_DELAY_REFRESH": "0"}
    return Peers({"PATH": os.environ["PATH"], "PYTHONPATH": str(PEERS.parents[2] / "hook"), **quiet})


@pytest.fixture(scope="session")
def cloud_peers(local_peers: Peers, cloud: LocalCloud, s3: Any) -> Peers:
    return Peers({**local_peers.environment, **cloud.environment()})


def bring(s3: Any, prefix: str, folder: Path) -> Path:
    """The objects below a prefix, as files below a folder."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix):
        for listed in page.get("Contents", []):
            target = folder / listed["Key"].removeprefix(prefix).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(s3.get_object(Bucket=BUCKET, Key=listed["Key"])["Body"].read())
    return folder

"""`gridwatch doctor` on a deployment as it is, with planted faults, and with one tiny job end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.story.deployed import Deployed

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}


class Doctor:
    """Runs the command as a person does, told by the environment where AWS is."""

    def __init__(self, deployed: Deployed, folder: Path) -> None:
        keys = deployed.session.get_credentials()
        assert keys is not None
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self._environment = {
            **kept,
            "GRIDWATCH_FILES": str(folder),
            **({"AWS_ENDPOINT_URL": deployed.endpoint} if deployed.endpoint else {}),
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_DEFAULT_REGION": str(deployed.session.region_name),
        }
        self.code = 0

    def run(self, *options: str) -> dict[str, list[dict[str, Any]]]:
        """The checks by their names."""
        command = [sys.executable, "-m", "gridwatch.cli.main", "doctor", "--json", *options]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=240, check=False)
        assert done.stdout, done.stderr
        self.code = done.returncode
        found: dict[str, list[dict[str, Any]]] = {}
        for check in json.loads(done.stdout):
            found.setdefault(check["name"], []).append(check)
        return found


@pytest.fixture
def doctor(deployed: Deployed, tmp_path: Path) -> Doctor:
    return Doctor(deployed, tmp_path)


@pytest.fixture
def silent(deployed: Deployed) -> Iterator[str]:
    """The experiments bucket with EventBridge turned off, as long as a test lasts."""
    s3, bucket = deployed.client("s3"), deployed.outputs["ExperimentsBucket"]
    before = s3.get_bucket_notification_configuration(Bucket=bucket)
    before.pop("ResponseMetadata")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    yield bucket
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=before)


def test_a_deployment_is_well_and_a_canary_flies_and_is_gone(deployed: Deployed, doctor: Doctor) -> None:
    found = doctor.run("--canary", "--patience", "2")
    failed = [check for checks in found.values() for check in checks if check["result"] == "failed"]
    assert (doctor.code, failed) == (0, [])
    assert {found[name][0]["result"] for name in ("account", "image", "bootstrap", "stack", "role")} == {"ok"}
    assert [check["result"] for check in found["bucket"]] == ["ok", "ok"]
    # Another story of this deployment may have been refused Debugger before.
    assert found["Debugger"][0]["result"] in ("unknown", "warning")
    phases = ["accepted", "launched", "trained", "judged", "in the tables", "cleaned up"]
    assert [found[f"canary: {phase}"][0]["result"] for phase in phases] == ["ok"] * 6

    (name,) = [found["canary: accepted"][0]["found"].split(",")[0]]
    for bucket, prefixes in (
        ("ExperimentsBucket", ("experiments/", "data/")),
        ("ArtifactsBucket", ("tensors/", "models/")),
    ):
        for prefix in prefixes:
            listed = deployed.client("s3").list_objects_v2(Bucket=deployed.outputs[bucket], Prefix=prefix)
            assert [each["Key"] for each in listed.get("Contents", []) if name in each["Key"]] == []


def test_planted_faults_are_found_each_with_what_to_do(deployed: Deployed, doctor: Doctor, silent: str) -> None:
    iam, name = deployed.client("iam"), f"doctor-{uuid.uuid4().hex[:8]}"
    trust = {**TRUST, "Statement": [{**TRUST["Statement"][0], "Principal": {"Service": "lambda.amazonaws.com"}}]}  # type: ignore[dict-item]
    stranger = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    secret = deployed.client("secretsmanager").create_secret(Name=name, SecretString="http://example.org/x")["ARN"]
    missing = stranger.replace(name, "nobody")
    found = doctor.run(
        "--role", stranger, "--role", missing, "--webhook-secret", secret, "--bucket", "nowhere-at-all",
        "--instance-type", "ml.m5.large",
    )  # fmt: skip
    assert doctor.code == 1
    failed = {check["found"]: check for checks in found.values() for check in checks if check["result"] == "failed"}
    assert set(failed) == {
        f"{silent} sends nothing to EventBridge: uploads would do nothing",
        "there is no bucket nowhere-at-all",
        f"{stranger} cannot be assumed by SageMaker",
        f"there is no role {missing}",
        f"{secret} holds no https:// address",
    }
    assert all(check["advice"] for check in failed.values())
    assert "example.org" not in json.dumps(found), "secrets are not shown"

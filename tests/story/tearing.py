"""Runs `gridwatch teardown --artifacts` as a person does, and finds out whose objects it deleted."""

from __future__ import annotations

import pytest

from gridwatch.cli.main import app
from tests.story.deployed import Deployed


def torn_down(deployed: Deployed, experiment: str, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Run the teardown; returns the keys that it deleted from the artifacts bucket, of which all were looked at."""
    for name, value in _environment(deployed).items():
        monkeypatch.setenv(name, value)
    before = _keys(deployed)
    app(["teardown", experiment, "--artifacts", "--yes", "--rate", "20"], standalone_mode=False)
    return before - _keys(deployed)


def _environment(deployed: Deployed) -> dict[str, str]:
    keys = deployed.session.get_credentials()
    assert keys is not None
    found = {
        "AWS_ENDPOINT_URL": deployed.endpoint,
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_REGION": deployed.session.region_name,
        "AWS_DEFAULT_REGION": deployed.session.region_name,
    }
    return {name: value for name, value in found.items() if value}


def _keys(deployed: Deployed) -> set[str]:
    bucket = deployed.outputs["ArtifactsBucket"]
    pages = deployed.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {each["Key"] for page in pages for each in page.get("Contents", ())}

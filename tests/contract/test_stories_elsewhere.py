"""The stories run unchanged on a deployment that is there already, found by credentials, address and stack alone: as
`make test-aws` runs them in an account.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from gridwatch.localcloud import LocalCloud
from gridwatch.localcloud.deploy import deploy

ROOT = Path(__file__).resolve().parents[2]


def test_a_story_runs_where_the_shell_points(tmp_path: Path) -> None:
    os.environ.setdefault("CDK_VALIDATION", "false")
    from infra.app import create_app

    create_app({"custom_rule_sources": "code/"}, outdir=str(tmp_path)).synth()
    with LocalCloud.start() as cloud:
        deploy(tmp_path, cloud.endpoint, region=cloud.region)
        environment = {
            **cloud.environment(),
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": cloud.endpoint,
            "AWS_DEFAULT_REGION": cloud.region,
            "GRIDWATCH_TEST_STACK": "gridwatch",
            "GRIDWATCH_TEST_PATIENCE": "2",
        }
        stories = ["tests/story/test_bad_spec.py", "tests/story/test_upgrade_story.py"]
        command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *stories]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
        )
    assert done.returncode == 0, done.stdout[-3_000:]
    assert re.search(r"3 passed, 1 skipped", done.stdout), done.stdout
    assert "it deploys into an embedded cloud of its own" in done.stdout

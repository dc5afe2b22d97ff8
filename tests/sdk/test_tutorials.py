"""Public tutorials written as specs (tests/sdk/tutorials), field by field beside what the SageMaker SDK sends for them;
and the way back, from what the SDK sent to a spec (make test-sagemaker).
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from gridwatch.spec.from_job import spec_of_job
from scripts.peer_environment import python_of, why_missing
from tests.sdk.test_requests import SOURCE, comparable
from tests.unit.functions.world import DEPLOYMENT
from tests.unit.launch.service_model import faults
from tests.unit.launch.test_requests import planned, requests

PEER = Path(__file__).parent / "peers" / "tutorials.py"
TUTORIALS = sorted((Path(__file__).parent / "tutorials").glob("*.yaml"))
DEPLOYED = replace(DEPLOYMENT, is_known=True, allowed_in_specs=("*",))
# Beside those of tests.sdk.test_requests.
FURTHER = (
    "EnableInterContainerTrafficEncryption", "EnableNetworkIsolation", "InfraCheckConfig", "RemoteDebugConfig",
    "SessionChainingConfig",
)  # fmt: skip
pytestmark = pytest.mark.skipif(bool(why_missing("sagemaker")), reason=why_missing("sagemaker") or "-")


@pytest.fixture(scope="module")
def theirs() -> dict[str, dict[str, Any]]:
    command = [str(python_of("sagemaker")), "-W", "ignore", str(PEER), DEPLOYMENT.region, SOURCE]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert finished.returncode == 0, finished.stderr[-3000:]
    answer: dict[str, dict[str, Any]] = json.loads(finished.stdout.rsplit("ANSWER ", 1)[-1])
    return answer


def all_of(request: dict[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in request.get("Environment", {}).items() if not name.startswith("GRIDWATCH_")}
    further = {name: request[name] for name in FURTHER if name in request}
    return comparable({"HyperParameters": {}, **request}) | further | {"Environment": own}


def sent(document: str | dict[str, Any]) -> dict[str, Any]:
    (request,) = requests(planned(document, DEPLOYED), DEPLOYED)
    assert faults("CreateTrainingJob", request) == []
    return request


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_as_a_spec_sends_what_the_sdk_sends(tutorial: Path, theirs: dict[str, dict[str, Any]]) -> None:
    assert all_of(sent(tutorial.read_text())) == all_of(theirs[tutorial.stem])


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_the_spec_of_a_job_that_the_sdk_launched_sends_the_same(
    tutorial: Path, theirs: dict[str, dict[str, Any]]
) -> None:
    document = yaml.safe_load(spec_of_job(theirs[tutorial.stem]).as_yaml())
    document["name"] = "again"
    assert all_of(sent(document)) == all_of(theirs[tutorial.stem])


def test_every_tutorial_of_the_sdk_is_a_spec(theirs: dict[str, dict[str, Any]]) -> None:
    assert sorted(theirs) == [path.stem for path in TUTORIALS]

"""Gridwatch's requests and images beside those of the SageMaker SDK's estimators (make test-sagemaker)."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from gridwatch.launch.images import NoImageError, image_address
from gridwatch.spec.from_job import spec_of_job
from gridwatch.spec.images import algorithm_image, algorithm_names, framework_image, framework_versions
from gridwatch.spec.parts.algorithm import Algorithm
from scripts.peer_environment import python_of, why_missing
from tests.unit.functions.world import DEPLOYMENT
from tests.unit.launch.test_requests import planned, requests
from tests.unit.spec.specs import EXAMPLES

PEER = Path(__file__).parent / "peers" / "estimators.py"
SOURCE = "s3://experiments-bucket/code/sources/0.tar.gz"
SOME_REGIONS = ("eu-west-1", "ap-east-1", "cn-north-1", "us-gov-east-1", "us-iso-east-1")
FIELDS = (
    "AlgorithmSpecification", "CheckpointConfig", "EnableManagedSpotTraining", "HyperParameters", "InputDataConfig",
    "OutputDataConfig", "ResourceConfig", "RetryStrategy", "StoppingCondition", "VpcConfig", "ProfilerConfig",
)  # fmt: skip
pytestmark = pytest.mark.skipif(bool(why_missing("sagemaker")), reason=why_missing("sagemaker") or "-")


def ask(*arguments: str, given: object = None) -> Any:
    command = [str(python_of("sagemaker")), "-W", "ignore", str(PEER), *arguments]
    finished = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, timeout=300, check=False
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return json.loads(finished.stdout.rsplit("ANSWER ", 1)[-1])


@pytest.fixture(scope="module")
def theirs() -> dict[str, dict[str, Any]]:
    answer: dict[str, dict[str, Any]] = ask(DEPLOYMENT.region, SOURCE)
    return answer


def comparable(request: dict[str, Any]) -> dict[str, Any]:
    """What both must say alike. Only what is the trial's own is taken out: its name, and where its checkpoints lie."""
    fields = {name: request[name] for name in FIELDS if name in request}
    values = dict(fields["HyperParameters"])
    values.pop("sagemaker_job_name", None)
    if "mp_parameters" in values:
        values["mp_parameters"] = json.loads(values["mp_parameters"])
    fields["HyperParameters"] = values
    if "CheckpointConfig" in fields:
        fields["CheckpointConfig"] = {**fields["CheckpointConfig"], "S3Uri": "s3://…"}
    return fields


@pytest.mark.parametrize(
    "tutorial", ["pytorch-data-parallel", "pytorch-model-parallel", "architectures", "spot-checkpoints", "pipe-mode"]
)
def test_a_tutorial_as_a_spec_sends_what_the_sdk_sends(tutorial: str, theirs: dict[str, dict[str, Any]]) -> None:
    ours = requests(planned((EXAMPLES / f"{tutorial}.yaml").read_text(), replace(DEPLOYMENT, is_known=True)))[0]
    assert comparable(ours) == comparable(theirs[tutorial])


@pytest.mark.parametrize(
    "tutorial", ["pytorch-data-parallel", "pytorch-model-parallel", "architectures", "spot-checkpoints", "pipe-mode"]
)
def test_the_spec_of_a_job_that_the_sdk_launched_sends_the_same(
    tutorial: str, theirs: dict[str, dict[str, Any]]
) -> None:
    document = yaml.safe_load(spec_of_job(theirs[tutorial]).as_yaml()) | {"name": "again"}
    ours = requests(planned(document, replace(DEPLOYMENT, is_known=True, allowed_in_specs=("*",))))[0]
    assert comparable(ours) == comparable(theirs[tutorial])


def test_every_image_of_every_region_is_where_the_sdk_says() -> None:
    asked: list[list[Any]] = []
    expected: list[str] = []
    for algorithm, region, instance_type, version in _all_images():
        try:
            expected.append(image_address(algorithm, region, instance_type))
        except NoImageError:
            continue
        asked.append([algorithm.framework or algorithm.name, version, region, instance_type, _python(algorithm)])
    answers = ask("images", given=asked)
    known = [(ours, told) for ours, told in zip(expected, answers, strict=True) if told is not None]
    assert [pair for pair in known if pair[0] != pair[1]] == []
    assert len(known) > 0.95 * len(asked)  # the rest is newer than this release of the SDK


def _python(algorithm: Algorithm) -> str | None:
    """Of versions that AWS made for several, the one that Gridwatch takes must be said."""
    image = framework_image(algorithm.framework, algorithm.version or "") if algorithm.framework else None
    last = image.tag.rsplit("-", 1)[-1] if image and image.processors else ""
    return last if last.startswith("py") else None


def _all_images() -> list[tuple[Algorithm, str, str, str | None]]:
    found: list[tuple[Algorithm, str, str, str | None]] = []
    for name in algorithm_names():
        image = algorithm_image(name)
        assert image is not None
        found += [(Algorithm(name=name), region, "ml.c5.xlarge", None) for region in image.accounts]
    for framework in ("pytorch", "tensorflow", "sklearn", "xgboost", "huggingface"):
        for version in framework_versions(framework):
            image = framework_image(framework, version)
            assert image is not None
            algorithm = Algorithm.model_validate({"framework": framework, "version": version})
            base = f" {'pytorch' if 'pytorch' in image.repository else 'tensorflow'}{image.tag.split('-')[0]}"
            told = version + (base if framework == "huggingface" else "")
            found += [
                (algorithm, region, kind, told)
                for region in (image.accounts if version == framework_versions(framework)[-3] else SOME_REGIONS)
                if region in image.accounts
                for kind in ("ml.c5.xlarge", "ml.p3.2xlarge")
                if not image.processors or kind[3:4].replace("c", "cpu").replace("p", "gpu")[:3] in image.processors
            ]
    return found

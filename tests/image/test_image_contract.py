"""The image contract: the request that launch_grid sends, laid out as SageMaker lays it out, trained by our script in
an environment that holds what AWS's XGBoost 3.2-0 image holds, with tensors going to S3 (the local cloud's).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from gridwatch.launch.deployment import Deployment
from gridwatch.launch.plan import make_plan, waiting_trial
from gridwatch.launch.request import training_request
from gridwatch.launch.template import Inputs
from gridwatch.localcloud import LocalCloud
from gridwatch.localcloud.sagemaker.layout import Layout, lay_out
from gridwatch.spec.parse import parse_spec
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.source import LocalSource
from scripts.peer_environment import python_of, why_missing
from scripts.training_source import members, pack

ROOT = Path(__file__).parents[2]

ENVIRONMENT = "image-xgboost-3.2-0"
PYTHON = python_of(ENVIRONMENT)

pytestmark = pytest.mark.skipif(bool(why_missing(ENVIRONMENT)), reason=why_missing(ENVIRONMENT) or "present")

DEPLOYMENT = Deployment(
    region="us-east-1",
    name_prefix="gridwatch",
    experiments_bucket="experiments",
    artifacts_bucket="artifacts",
    job_role_arn="arn:aws:iam::000000000000:role/training",
    xgboost_source_uri="s3://artifacts/code/sourcedir.tar.gz",
)


@dataclass(frozen=True)
class Image:
    """A machine with S3 and the image's environment."""

    cloud: LocalCloud
    folder: Path
    s3: Any
    _made: list[int] = field(default_factory=list)

    def request(self, spec: str, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The request that launch_grid sends for the spec's last trial, its hyperparameters changed as told."""
        parsed = parse_spec((ROOT / "examples" / spec).read_bytes(), today=date(2026, 11, 21))
        plan = make_plan(parsed, DEPLOYMENT, Inputs(etags={name: {} for name in parsed.spec.data}))
        trial = waiting_trial(plan.trials[-1], parsed.spec, datetime(2026, 11, 21, tzinfo=UTC))
        request = training_request(plan.template, trial, name_prefix="gridwatch", artifacts_bucket="artifacts")
        request["HyperParameters"] |= {name: json.dumps(value) for name, value in (changes or {}).items()}
        return request

    def train(self, request: Mapping[str, Any]) -> tuple[subprocess.CompletedProcess[str], Layout]:
        """Lay the request out, bring its channels, and start the training as the image does."""
        self._made.append(1)
        layout = lay_out(request, self.folder / f"ml-{len(self._made)}")
        for channel in request["InputDataConfig"]:
            self._bring(channel["DataSource"]["S3DataSource"]["S3Uri"], layout.data / channel["ChannelName"])
        environment = {
            # As the image sets them.
            "PATH": f"{PYTHON.parent}:/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "SAGEMAKER_TRAINING_MODULE": "start_training:main",
            "SAGEMAKER_BASE_DIR": str(layout.base),
            "PIP_NO_INDEX": "1",  # whatever the script needs is in the image: nothing may be fetched
            # As SageMaker sets them.
            "TRAINING_JOB_NAME": request["TrainingJobName"],
            **request["Environment"],
            **self.cloud.environment(),
        }
        command = [str(PYTHON), str(ROOT / "tests" / "image" / "start_training.py")]
        finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
        return finished, layout

    def tensors(self, request: Mapping[str, Any]) -> TensorReader:
        """What the job wrote to S3, brought to a folder."""
        uri = request["Environment"]["GRIDWATCH_TENSORS_URI"]
        folder = self.folder / "tensors" / request["TrainingJobName"]
        self._bring(uri, folder)
        return TensorReader(LocalSource(folder))

    def event_files(self, request: Mapping[str, Any]) -> int:
        """The number of objects with tensors that the job wrote to S3 (the index of each step is an object beside)."""
        bucket, _, prefix = request["Environment"]["GRIDWATCH_TENSORS_URI"].removeprefix("s3://").partition("/")
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/events/")
        return sum(page["KeyCount"] for page in pages)

    def _bring(self, uri: str, folder: Path) -> None:
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for listed in page.get("Contents", []):
                target = folder / (listed["Key"].removeprefix(prefix).lstrip("/") or Path(prefix).name)
                target.parent.mkdir(parents=True, exist_ok=True)
                self.s3.download_file(bucket, listed["Key"], str(target))


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    folder = tmp_path_factory.mktemp("image")
    with LocalCloud.start(state_dir=folder / "state") as cloud:
        given = cloud.environment()
        s3 = boto3.client(
            "s3",
            endpoint_url=cloud.endpoint,
            region_name=cloud.region,
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
        )
        for bucket in ("experiments", "artifacts"):
            s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket="artifacts", Key="code/sourcedir.tar.gz", Body=pack(members()))
        for name, rows in (("train", 600), ("validation", 200)):
            s3.put_object(Bucket="experiments", Key=f"data/blobs/{name}.csv", Body=blobs(rows))
        yield Image(cloud, folder, s3)


def blobs(rows: int) -> bytes:
    random = np.random.default_rng(rows)
    labels = random.integers(0, 2, rows)
    points = random.normal(0, 4, (rows, 2)) + 3 * labels[:, None]
    return "".join(f"{label},{a:.6g},{b:.6g}\n" for label, (a, b) in zip(labels, points, strict=True)).encode()


def test_a_trial_trains_in_the_image_and_its_tensors_reach_s3(image: Image) -> None:
    request = image.request("blobs.yaml")
    finished, layout = image.train(request)
    assert finished.returncode == 0, finished.stderr
    assert "Invoking script with the following command" in finished.stdout + finished.stderr
    rounds = json.loads(request["HyperParameters"]["num_round"])
    log = [line for line in finished.stdout.splitlines() if line.startswith("[")]
    assert [line.partition("]")[0] for line in log if "\t" in line] == [f"[{number}" for number in range(rounds)]
    assert (layout.model / "xgboost-model").stat().st_size > 0
    assert not layout.failure.exists()
    reader = image.tensors(request)
    steps = list(reader.new_steps(Cursor(), ended=True))
    assert [saved.step for saved in steps] == list(range(rounds)), "curves are whole, though rules look at every 2nd"
    assert reader.has_ended()
    last_line = next(line for line in log if line.startswith(f"[{steps[-1].step}]"))
    error = reader.value(steps[-1], "validation-error").item()
    assert f"\tvalidation-error:{error:.5f}" in last_line


def test_the_image_holds_the_versions_that_it_stands_for() -> None:
    question = (
        "import sys, numpy, xgboost, boto3, scipy, pyarrow;"
        "print(*sys.version_info[:2], numpy.__version__, xgboost.__version__, boto3.__version__, scipy.__version__)"
    )
    answer = subprocess.run([str(PYTHON), "-c", question], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["3", "12", "2.1.0", "3.2.0", "1.38.0", "1.15.0"]


def test_parquet_is_read_where_the_image_has_pyarrow(image: Image) -> None:
    make = (
        "import sys, numpy as np, pyarrow as pa, pyarrow.parquet as pq;"
        "rows = np.loadtxt(sys.argv[1], delimiter=',');"
        "pq.write_table(pa.table({'label': rows[:, 0], 'a': rows[:, 1], 'b': rows[:, 2]}), sys.argv[2])"
    )
    source, target = image.folder / "rows.csv", image.folder / "rows.parquet"
    source.write_bytes(blobs(300))
    subprocess.run([str(PYTHON), "-c", make, str(source), str(target)], check=True)
    image.s3.upload_file(str(target), "experiments", "data/parquet/rows.parquet")
    request = image.request("blobs.yaml", {"num_round": 2})
    for channel in request["InputDataConfig"]:
        channel["ContentType"] = "application/x-parquet"
        channel["DataSource"]["S3DataSource"]["S3Uri"] = "s3://experiments/data/parquet"
    finished, _ = image.train(request)
    assert finished.returncode == 0, finished.stderr
    assert "train: 300 rows, 2 columns" in finished.stdout


def test_a_fault_of_the_user_fails_the_job_and_stands_in_its_log(image: Image) -> None:
    finished, layout = image.train(image.request("blobs.yaml", {"eta": "fast"}))
    assert finished.returncode != 0
    assert "error: hyperparameter 'eta' is 'fast'" in finished.stderr
    assert layout.failure.exists()


def test_many_rounds_under_a_rule_reach_s3_in_few_uploads(image: Image) -> None:
    request = image.request("blobs-debugger.yaml", {"num_round": 600, "max_depth": 4})
    finished, _ = image.train(request)
    assert finished.returncode == 0, finished.stderr
    reader = image.tensors(request)
    assert [saved.step for saved in reader.new_steps(Cursor(), ended=True)] == list(range(600))
    # One for each look at the clock; each step in a file of its own would be 600.
    assert 0 < image.event_files(request) < 300, "the steps share files"
    assert "gridwatch_hook:" not in finished.stderr

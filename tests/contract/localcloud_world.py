"""Shared parts of the local cloud's contract tests: a running cloud with tiny images, clients, and requests."""

import io
import itertools
import json
import sys
import tarfile
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3

from gridwatch.localcloud import LocalCloud

T = TypeVar("T")
TRAINER = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tiny-trainer:1"
EVALUATOR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sagemaker-debugger-rules:latest"
SCRIPT_IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/script-mode:1"
BUCKET = "data"

_TRAINER_SCRIPT = """
    import json, os, pathlib, signal, sys, time
    base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
    parameters = json.loads((base / "input/config/hyperparameters.json").read_text())
    rows = sum(len(p.read_text().splitlines()) for p in (base / "input/data").rglob("*") if p.is_file())
    (base / "output/data/seen.json").write_text(json.dumps({
        "rows": rows, "config": sorted(p.name for p in (base / "input/config").iterdir()),
        "environment": {k: v for k, v in os.environ.items()}, "cwd": os.getcwd()}))
    def stopped(*_):
        (base / "model/model.txt").write_text("stopped")
        sys.exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN if "stubborn" in parameters else stopped)
    tensors = base / "output/tensors"
    for number in range(int(parameters.get("rounds", "3"))):
        print(f"[{number}] train-error:{1 / (number + 1):.3f}", flush=True)
        if tensors.is_dir():
            (tensors / "index").mkdir(exist_ok=True)
            (tensors / "index" / f"{number}.json").write_text("{}")
        time.sleep(float(parameters.get("pause", "0")))
    if "child" in parameters:
        import subprocess
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(f"child {child.pid} parent {os.getpid()}", flush=True)
        time.sleep(600)
    if "fail" in parameters:
        (base / "output/failure").write_text(parameters["fail"] * int(parameters.get("times", "1")))
        sys.exit(3)
    (base / "model/model.txt").write_text("weights")
"""

_EVALUATOR_SCRIPT = """
    import json, os, sys, time, boto3
    question = json.load(sys.stdin)
    print("asked", question["rule"], flush=True)
    bucket, _, prefix = question["tensors"].removeprefix("s3://").partition("/")
    s3 = boto3.client("s3")
    if question["parameters"].get("crash"):
        sys.exit("no such rule")
    while True:
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
        if sum("/index/" in key for key in keys) >= int(question["parameters"].get("limit", "1000")):
            print(json.dumps({"status": "IssuesFound", "details": "limit reached"}), flush=True)
            break
        if any(key.endswith("training_job_end.ts") for key in keys):
            if question["parameters"].get("blind"):
                print(json.dumps({"status": "SawNothing", "details": "it looks for gradients"}), flush=True)
                break
            print(json.dumps({"status": "NoIssuesFound", "details": ""}, indent=2), flush=True)
            break
        time.sleep(0.1)
"""


@dataclass
class World:
    """A running cloud and what a test does with it."""

    cloud: LocalCloud
    role: str = ""
    _clients: dict[str, Any] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def client(self, service: str) -> Any:
        if service not in self._clients:
            session = boto3.session.Session(self.cloud.account, "local", region_name=self.cloud.region)
            self._clients[service] = session.client(service, endpoint_url=self.cloud.endpoint)
        return self._clients[service]

    def prepare(self) -> None:
        """Create the role and the data that every job needs."""
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = self.client("iam").create_role(RoleName="job", AssumeRolePolicyDocument=document)
        self.role = role["Role"]["Arn"]
        self.client("s3").create_bucket(Bucket=BUCKET)
        self.client("s3").put_object(Bucket=BUCKET, Key="train/a.csv", Body=b"1,2\n3,4\n")
        self.client("s3").put_object(Bucket=BUCKET, Key="train/more/b.csv", Body=b"5,6\n")

    def name(self, prefix: str = "job") -> str:
        return f"{prefix}-{next(self._numbers)}"

    def request(self, name: str, **changes: Any) -> dict[str, Any]:
        """A CreateTrainingJob request for the tiny trainer."""
        request = {
            "TrainingJobName": name,
            "RoleArn": self.role,
            "AlgorithmSpecification": {
                "TrainingImage": TRAINER,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "train:error", "Regex": r"train-error:([0-9.]+)"}],
            },
            "HyperParameters": {"rounds": "3"},
            "InputDataConfig": [channel("train", f"s3://{BUCKET}/train/a.csv")],
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        }
        return request | changes

    def train(self, prefix: str = "job", **changes: Any) -> str:
        """Start a job and return its name."""
        name = self.name(prefix)
        self.client("sagemaker").create_training_job(**self.request(name, **changes))
        return name

    def describe(self, name: str) -> dict[str, Any]:
        described: dict[str, Any] = self.client("sagemaker").describe_training_job(TrainingJobName=name)
        return described

    def ended(self, name: str, timeout: float = 30) -> dict[str, Any]:
        """The job's description once it is over."""
        terminal = ("Completed", "Failed", "Stopped")
        return wait_for(lambda: d if (d := self.describe(name))["TrainingJobStatus"] in terminal else None, timeout)

    def reaches(self, name: str, status: str) -> dict[str, Any]:
        return wait_for(lambda: d if (d := self.describe(name))["SecondaryStatus"] == status else None)


def channel(name: str, uri: str, **changes: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source | changes}, "ContentType": "text/csv"}


def pack_source(world: World, name: str, **files: str | bytes) -> str:
    """Pack files, given by name, as a submitted source archive in S3."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as bundle:
        for path, given in files.items():
            content = given.encode() if isinstance(given, str) else given
            member = tarfile.TarInfo(path)
            member.size = len(content)
            bundle.addfile(member, io.BytesIO(content))
    world.client("s3").put_object(Bucket=BUCKET, Key=f"code/{name}.tar.gz", Body=buffer.getvalue())
    return f"s3://{BUCKET}/code/{name}.tar.gz"


def unpacked(world: World, uri: str) -> dict[str, bytes]:
    """The files of an archive in S3."""
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    body = world.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as bundle:
        return {m.name: bundle.extractfile(m).read() for m in bundle if m.isfile()}  # type: ignore[union-attr]


def log_of(world: World, job: str, host: str = "algo-1") -> list[str]:
    """The lines that a host of the job wrote, in all its attempts."""
    logs, group = world.client("logs"), "/aws/sagemaker/TrainingJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/{host}-")["logStreams"]
    return [
        event["message"]
        for stream in streams
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)[
            "events"
        ]
    ]


def interrupt(world: World, job: str, **document: Any) -> tuple[int, dict[str, str]]:
    """Take a job's machines away; returns the status and what was answered."""
    url = f"{world.cloud.endpoint}/_localcloud/training-jobs/{job}/interrupt"
    request = urllib.request.Request(url, data=json.dumps(document).encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


def wait_for(look: Callable[[], T | None], timeout: float = 20) -> T:
    """The first thing that ``look`` finds; AssertionError when it finds nothing in time."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing found within {timeout} s")


def write_images(folder: Path) -> Path:
    """Write an image map with two tiny scripts as images."""
    entries = []
    for kind, image, script in (("training", TRAINER, _TRAINER_SCRIPT), ("evaluator", EVALUATOR, _EVALUATOR_SCRIPT)):
        path = folder / f"{kind}.py"
        path.write_text(textwrap.dedent(script))
        entries.append({"image": image, "kind": kind, "command": [sys.executable, str(path)]})
    script_mode = [sys.executable, "{package}/images/script_mode.py"]
    entries.append({"image": SCRIPT_IMAGE, "kind": "training", "command": script_mode})
    target = folder / "images.json"
    target.write_text(json.dumps({"images": entries}))
    return target

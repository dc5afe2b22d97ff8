"""A server that stands in for SageMaker Search over many trial components, over HTTP, in a process of its own: `python
-m` it with their number.

Pages have 10 components unless more are asked for, at most 100, and each answer takes 30 ms. `POST /touch` with a share
makes that share of the components newer.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.request
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

EXPERIMENT = "gridwatch-search"
LATENCY, DEFAULT_PAGE, MAX_PAGE = 0.03, 10, 100
BEGAN = 1_790_000_000.0  # creation of the first component; one a second
_ARN = "arn:aws:sagemaker:us-east-1:123456789012"
_METRICS = ("train:error", "train:logloss", "validation:error", "validation:logloss")


def component(number: int, modified: float) -> dict[str, Any]:
    """A training job's component, in the sizes of an XGBoost job's."""
    job = f"gridwatch-search-{number:010x}-1"
    value = 1 / (number + 2)
    return {
        "TrialComponentName": f"{job}-aws-training-job",
        "DisplayName": "Training",
        "TrialComponentArn": f"{_ARN}:experiment-trial-component/{job}-aws-training-job",
        "Source": {"SourceArn": f"{_ARN}:training-job/{job}", "SourceType": "SageMakerTrainingJob"},
        "Status": {"PrimaryStatus": "Completed", "Message": "Status: Completed, secondary status: Completed"},
        "CreationTime": BEGAN + number,
        "LastModifiedTime": modified,
        "Parameters": {
            "SageMaker.ImageUri": {"StringValue": "123456789012.dkr.ecr.us-east-1.amazonaws.com/xgboost:3.2-0"},
            "SageMaker.InstanceCount": {"NumberValue": 1.0},
            "SageMaker.InstanceType": {"StringValue": "ml.m5.large"},
            "SageMaker.VolumeSizeInGB": {"NumberValue": 10.0},
            "eta": {"NumberValue": value},
            "max_depth": {"NumberValue": float(number % 12)},
            "objective": {"StringValue": "binary:logistic"},
        },
        "Metrics": [
            {"MetricName": name, "SourceArn": f"{_ARN}:training-job/{job}", "TimeStamp": modified, "Min": value,
             "Max": value + 0.5, "Avg": value + 0.2, "StdDev": 0.1, "Last": value, "Count": 50}
            for name in _METRICS
        ],
        "InputArtifacts": {
            name: {"Value": f"s3://data/{name}.csv", "MediaType": "text/csv"} for name in ("train", "validation")
        },
        "OutputArtifacts": {"SageMaker.ModelArtifact": {"Value": f"s3://models/{job}/output/model.tar.gz"}},
        "Parents": [{"ExperimentName": EXPERIMENT, "TrialName": f"gridwatch-search-{number:010x}"}],
    }  # fmt: skip


class Components:
    """All components as JSON, in the order of their creation."""

    def __init__(self, count: int) -> None:
        self.modified = [BEGAN + number + 60.0 for number in range(count)]
        self._created = [BEGAN + number for number in range(count)]
        self._texts = [json.dumps(component(number, self.modified[number])) for number in range(count)]

    def touch(self, share: float) -> int:
        """Make the last of the components newer than all others."""
        first = len(self._texts) - round(len(self._texts) * share)
        for number in range(first, len(self._texts)):
            self.modified[number] = BEGAN + 10_000_000
            self._texts[number] = json.dumps(component(number, self.modified[number]))
        return len(self._texts) - first

    def page(self, request: Mapping[str, Any]) -> str:
        low, high, since = 0, len(self._texts), None
        for each in request["SearchExpression"].get("Filters", ()):
            if each["Name"] == "CreationTime" and each["Operator"] == "GreaterThanOrEqualTo":
                low = bisect_left(self._created, _seconds(each["Value"]))
            elif each["Name"] == "CreationTime":
                high = bisect_right(self._created, _seconds(each["Value"]))
            elif each["Name"] == "LastModifiedTime":
                since = _seconds(each["Value"])
        numbers: Any = range(low, high)
        if since is not None:
            numbers = [number for number in numbers if self.modified[number] >= since]
        if request.get("SortOrder", "Descending") == "Descending":
            numbers = numbers[::-1]
        start = int(request.get("NextToken", 0))
        end = start + min(request.get("MaxResults", DEFAULT_PAGE), MAX_PAGE)
        results = ", ".join(f'{{"TrialComponent": {self._texts[number]}}}' for number in numbers[start:end])
        token = f', "NextToken": "{end}"' if end < len(numbers) else ""
        return f'{{"Results": [{results}]{token}}}'


class _Server(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True
    components: Components
    calls = 0
    lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if self.path == "/touch":
            self._answer(json.dumps(self.server.components.touch(body["share"])))
            return
        with self.server.lock:
            self.server.calls += 1
        time.sleep(LATENCY)
        self._answer(self.server.components.page(body))

    def do_GET(self) -> None:
        self._answer(json.dumps(self.server.calls))

    def _answer(self, text: str) -> None:
        content = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is the base class's
        return


@dataclass(frozen=True, slots=True)
class SearchApi:
    """A running server."""

    endpoint: str

    def calls(self) -> int:
        return int(_read(self.endpoint))

    def touch(self, share: float) -> int:
        """Make that share of the components newer; returns how many they are."""
        return int(_read(urllib.request.Request(f"{self.endpoint}/touch", json.dumps({"share": share}).encode())))  # noqa: S310


@contextmanager
def search_api(count: int) -> Iterator[SearchApi]:
    command = [sys.executable, "-m", "benchmarks._search_api", str(count)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield SearchApi(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.kill()
        process.communicate()


def _read(request: str | urllib.request.Request) -> bytes:
    with urllib.request.urlopen(request) as answer:  # noqa: S310  our own server
        found: bytes = answer.read()
    return found


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def main() -> None:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.components = Components(int(sys.argv[1]))
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()

"""Measures what each handler's import adds to that of boto3 with the same clients, from its unpacked asset and the
host's layers.

Both are timed one after the other in one process, boto3 first, so that a busy machine slows both; of several processes
the least of each counts. `worst_ratio` is the largest share that a handler adds: its import beyond boto3, divided by
boto3's with its clients. What a handler imports with the first call that needs it is timed apart (`first_use`).
"""

from __future__ import annotations

import compileall
import importlib
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

from benchmarks.result import Result, report

ROOT = Path(__file__).resolve().parent.parent
LAYERS = (
    "runtime",
    "numeric",
    "duckdb",
)  # as in the function with most of them: an unused layer costs an import nothing
WANTED = 0.5
RUNS = 7

# Which service a settings field speaks of.
SERVICES = {"table": "dynamodb", "bucket": "s3", "queue_url": "sqs", "topic_arn": "sns", "event_bus_name": "events"}
# What a handler imports with the first call that needs it: the model of specs, and numpy.
FIRST_USE = {
    "launch_grid": "launch_grid.accept",
    "evaluate_rules": "gridwatch_rules.tensors.decoding",
    "evaluate_slow_rules": "gridwatch_rules.tensors.decoding",
    "snapshot_experiment": "gridwatch_rules.tensors.decoding",
}
USES_SAGEMAKER = {"start_trials", "track_job", "react_to_finding", "sweep"}

PROGRAM = """
import sys, time
sys.path[:0] = {path!r}
begin = time.perf_counter()
import boto3
for service in {services!r}:
    boto3.client(service)
ready = time.perf_counter()
import {function}.handler
end = time.perf_counter()
if {first_use!r}:
    __import__({first_use!r})
used = time.perf_counter()
print([ready - begin, end - ready, used - end])
"""
ENVIRONMENT = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true"}


@dataclass(frozen=True, slots=True)
class Row:
    """A handler's seconds, the best of the runs: other work on the machine only adds. The handler is imported after
    boto3, and what it imports with its first use after that.
    """

    function: str
    beyond: float
    boto3: float
    first_use: float
    clients: tuple[str, ...]

    @property
    def ratio(self) -> float:
        return self.beyond / self.boto3

    def as_object(self) -> dict[str, object]:
        return {
            "function": self.function,
            "ratio": round(self.ratio, 3),
            "beyond": round(self.beyond, 4),
            "boto3": round(self.boto3, 4),
            "first_use": round(self.first_use, 4) if self.function in FIRST_USE else None,
            "clients": self.clients,
        }


def main() -> None:
    functions = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
    with tempfile.TemporaryDirectory() as folder:
        unpacked = unpack(Path(folder), functions)
        rows = [measure(function, unpacked) for function in functions]
    worst = max(rows, key=lambda row: row.ratio)
    report(
        Result(
            name="cold_start",
            ours=round(worst.beyond, 4),
            peer=round(worst.boto3, 4),
            unit="s",
            ratio=round(worst.boto3 / worst.beyond, 2),
            what=f"import of {worst.function}, which adds most to boto3 with its clients (peer); best of {RUNS}. "
            f"Wanted: no handler adds more than {WANTED:g} of it (worst_ratio)",
            more={"worst_ratio": round(worst.ratio, 3), "rows": [row.as_object() for row in rows]},
        )
    )


def unpack(folder: Path, functions: list[str]) -> list[str]:
    """Unpack a deployed function and return its import path; its own code and ours are compiled as the layers are."""
    without_bytecode = shutil.ignore_patterns("__pycache__")
    for function in functions:
        shutil.copytree(ROOT / "functions" / function, folder / "asset" / function, ignore=without_bytecode)
    for package in (ROOT / "gridwatch", ROOT / "rules" / "gridwatch_rules"):
        shutil.copytree(package, folder / "gridwatch" / package.name, ignore=without_bytecode)
    compileall.compile_dir(folder, quiet=2)
    layers = [ROOT / "layers" / "build" / "host" / layer / "python" for layer in LAYERS]
    if missing := [layer for layer in layers if not layer.is_dir()]:
        sys.exit(f"{missing[0]} is missing: run make layers")
    return [str(path) for path in (folder / "asset", folder / "gridwatch", *layers)]


def measure(function: str, path: list[str]) -> Row:
    clients = services(function)
    program = PROGRAM.format(path=path, services=clients, function=function, first_use=FIRST_USE.get(function, ""))
    command = [sys.executable, "-I", "-S", "-B", "-c", program]
    run_once = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if run_once.returncode:  # the first run also warms the disk cache
        sys.exit(f"{function}: {run_once.stderr}")
    times = [
        json.loads(subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout)
        for _ in range(RUNS)
    ]
    return Row(
        function,
        beyond=min(beyond for _, beyond, _ in times),
        boto3=min(boto3 for boto3, _, _ in times),
        first_use=min(first_use for _, _, first_use in times),
        clients=clients,
    )


def services(function: str) -> tuple[str, ...]:
    """The clients that the function makes, known from the names of its settings."""
    sys.path.insert(0, str(ROOT / "functions"))
    module = importlib.import_module(f"{function}.settings")
    names = [
        field.name
        for member in vars(module).values()
        if isinstance(member, type) and is_dataclass(member) and member.__module__ == module.__name__
        for field in fields(member)
    ]
    used = {service for name in names for suffix, service in SERVICES.items() if name.endswith(suffix)}
    return tuple(sorted(used | ({"sagemaker"} if function in USES_SAGEMAKER else set())))


if __name__ == "__main__":
    main()

"""Measures what stops are told to have saved against what the same job took that was let run: six kinds of trainings.

Each is launched twice through the whole embedded cloud, under one rule that fires at the same place. One is stopped:
its ledger, corrected when it was over, is compared with how much longer its twin took. The twin's rule is in shadow
mode: its estimate, as it was when the stop was decided, is compared with what its rest really took. `worst_factor` is
the largest ratio of estimate to truth or of truth to estimate.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from benchmarks._savings_cases import RULE, SCRIPTS, XGBOOST, Case
from benchmarks._stops import wait_while_moving
from benchmarks.result import Result, report
from gridwatch.aws.state_table import StateTable
from gridwatch.aws.tensor_source import S3Source
from gridwatch.cli.demo import dataset
from gridwatch.cli.sources import packed_source
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.savings import Certainty
from gridwatch.domain.trials import TrialRecord
from gridwatch.localcloud import LocalCloud
from gridwatch.localcloud.deploy import deploy
from gridwatch.savings.progress import Progress
from gridwatch.savings.sparing import progress_of
from gridwatch.spec.parse import parse_spec
from gridwatch.storage.layout import SOURCE_METADATA, log_metric_prefix, tensor_prefix

Ended = tuple[TrialRecord, ReactionRecord]
ROOT = Path(__file__).resolve().parents[1]
BOUND = 2.0
QUIET = 180.0  # seconds without a new state, step or ledger after which a case is given up
NOISE = 0.5  # seconds that starting and ending a process scatter by, on either side


@dataclass(frozen=True, slots=True)
class Bench:
    """A deployment in the embedded cloud, and the folder in which the scripts lie."""

    outputs: dict[str, str]
    session: Any
    endpoint: str
    folder: Path

    def client(self, service: str) -> Any:
        return self.session.client(service, endpoint_url=self.endpoint)

    @property
    def store(self) -> StateTable:
        return StateTable(self.outputs["StateTable"], dynamodb=self.client("dynamodb"))

    def submit(self, case: Case, *, stops: bool) -> None:
        content, s3 = json.dumps(case.spec(stops=stops)).encode(), self.client("s3")
        bucket, told = self.outputs["ExperimentsBucket"], {}
        packed = packed_source(parse_spec(content, today=datetime.now(UTC).date()).spec.algorithm, self.folder)
        if packed is not None:
            s3.put_object(Bucket=bucket, Key=packed.key, Body=packed.content)
            told = {SOURCE_METADATA: packed.key}
        key = f"experiments/{case.experiment(stops=stops)}.json"
        s3.put_object(Bucket=bucket, Key=key, Body=content, Metadata=told)

    def settled(self, case: Case, *, stops: bool) -> Ended:
        """The trial that goes bad, with what was done about it, once its job is over and the ledger is settled."""
        experiment = case.experiment(stops=stops)

        def look() -> Ended | None:
            trials = sorted(self.store.list_trials(experiment), key=lambda trial: trial.index)
            if len(trials) < case.trials or not trials[-1].state.is_finished:
                return None
            for reaction in self.store.list_reactions(trials[-1].job_name):
                if reaction.savings is not None and reaction.savings.certainty is not Certainty.ESTIMATE:
                    return trials[-1], reaction
            self._send("SnapshotQueue", {"type": "SnapshotExperiment", "experiment": experiment})
            return None

        return wait_while_moving(look, lambda: self._seen(experiment, case.trials), QUIET, pause=2.0)

    def _seen(self, experiment: str, wanted: int) -> str:
        """How far an experiment has come, and so what is missing when it comes no further."""
        trials = sorted(self.store.list_trials(experiment), key=lambda trial: trial.index)
        told = [f"{len(trials)} of {wanted} trials", *(self._seen_of(trial) for trial in trials)]
        return f"{experiment}: {'; '.join(told)}"

    def _seen_of(self, trial: TrialRecord) -> str:
        progress = self._progress(trial)
        rules = {each.rule_name: str(each.status) for each in self.store.list_rule_evaluations(trial.job_name)}
        ledger = [each.savings.certainty.value for each in self.store.list_reactions(trial.job_name) if each.savings]
        done = f"{progress.newest.done:g} done" if progress else "nothing saved"
        return f"trial {trial.index} is {trial.state}, {done}, rules {rules or 'none'}, ledger {ledger or 'none'}"

    def _progress(self, trial: TrialRecord) -> Progress | None:
        if (job := self.store.get_job(trial.job_name)) is None:
            return None
        opened = [
            S3Source(self.client("s3"), self.outputs["ArtifactsBucket"], prefix)
            for prefix in (tensor_prefix(trial.job_name), log_metric_prefix(trial.job_name))
        ]
        return progress_of(job, lambda job: opened[0], lambda job: opened[1])

    def after_last_step(self, trial: TrialRecord) -> float:
        """The seconds from the last step that the job saved to its end."""
        found = self._progress(trial)
        return trial.ended_at.timestamp() - found.newest.at if found and trial.ended_at else math.nan

    def wake(self) -> None:
        """Do what the schedule does every minute: look at jobs whose metrics are in their log."""
        payload = json.dumps({"task": "wake evaluations"})
        function = f"{self.outputs['NamePrefix']}-sweep"
        self.client("lambda").invoke(FunctionName=function, Payload=payload, InvocationType="Event")

    def _send(self, queue: str, message: dict[str, str]) -> None:
        self.client("sqs").send_message(QueueUrl=self.outputs[queue], MessageBody=json.dumps(message))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The result of one case: each estimate beside the truth, in seconds."""

    case: Case
    decided: float
    measured: float
    corrected: float
    longer: float
    after_last_step: float
    method: str

    @property
    def factor(self) -> float:
        return max(ratio(self.decided, self.measured), ratio(self.corrected, self.longer))

    def as_object(self) -> dict[str, Any]:
        return {
            "name": self.case.name,
            "what": self.case.what,
            "factor": round(self.factor, 3),
            "estimated_at_decision_s": round(self.decided, 2),
            "measured_s": round(self.measured, 2),
            "corrected_s": round(self.corrected, 2),
            "twin_took_longer_s": round(self.longer, 2),
            "let_run_after_its_last_step_s": round(self.after_last_step, 2),
            "method": self.method,
        }


def ratio(estimate: float, truth: float) -> float:
    low, high = sorted((max(estimate, 0.0) + NOISE, max(truth, 0.0) + NOISE))
    return high / low


def main() -> None:
    began = time.monotonic()
    with deployed() as bench:
        upload_data(bench)
        judged = [*judge(bench, SCRIPTS)]
        for case in XGBOOST:  # which keep a core busy: one pair at a time
            judged += judge(bench, [case])
    report(result(judged, time.monotonic() - began))


@contextmanager
def deployed() -> Iterator[Bench]:
    """The stack of this checkout in an embedded cloud of its own, with its real trainings."""
    from infra.app import create_app  # noqa: PLC0415 - starts Node

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "benchmarks" / "savings_jobs", folder / "savings_jobs")
        shutil.copytree(ROOT / "hook" / "gridwatch_hook", folder / "gridwatch_hook")
        create_app({}, outdir=str(folder / "cdk.out")).synth()
        with LocalCloud.start(options=("--stop-grace", "5")) as cloud:
            outputs = deploy(folder / "cdk.out", cloud.endpoint, region=cloud.region)
            session = boto3.Session(cloud.account, "local", region_name=cloud.region)
            yield Bench(dict(outputs), session, cloud.endpoint, folder)


def upload_data(bench: Bench) -> None:
    s3, bucket = bench.client("s3"), bench.outputs["ExperimentsBucket"]
    for name, path in dataset.write_csv(dataset.generate(), bench.folder / "data").items():
        rows = path.read_bytes()
        s3.put_object(Bucket=bucket, Key=f"data/blobs/{name}.csv", Body=rows)
        s3.put_object(Bucket=bucket, Key=f"data/few/{name}.csv", Body=b"\n".join(rows.splitlines()[:60]))


def judge(bench: Bench, cases: Sequence[Case]) -> Iterator[Judged]:
    for case in cases:
        for stops in (True, False):
            bench.submit(case, stops=stops)
    for case in cases:
        found = judged(bench, case, *(awaited(bench, case, stops=stops) for stops in (True, False)))
        print(json.dumps(found.as_object()), file=sys.stderr, flush=True)  # so that a long run shows what it has
        yield found


def awaited(bench: Bench, case: Case, *, stops: bool) -> Ended:
    with waking(bench):
        return bench.settled(case, stops=stops)


@contextmanager
def waking(bench: Bench) -> Iterator[None]:
    """A block in which jobs are looked at every two seconds, in place of the schedule's minute."""
    import threading  # noqa: PLC0415 - here alone

    over = threading.Event()

    def wake() -> None:
        while not over.wait(2.0):
            bench.wake()

    thread = threading.Thread(target=wake, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def judged(bench: Bench, case: Case, stopped: Ended, let_run: Ended) -> Judged:
    corrected, decided = stopped[1].savings, let_run[1].savings
    assert corrected is not None
    assert decided is not None
    return Judged(
        case=case,
        decided=decided.seconds,
        measured=decided.measured_seconds if decided.measured_seconds is not None else math.nan,
        corrected=corrected.seconds,
        longer=took(let_run[0]) - took(stopped[0]),
        after_last_step=bench.after_last_step(let_run[0]),
        method=corrected.method,
    )


def took(trial: TrialRecord) -> float:
    assert trial.started_at is not None
    assert trial.ended_at is not None
    return (trial.ended_at - trial.started_at).total_seconds()


def result(judged: Sequence[Judged], seconds: float) -> Result:
    worst = max((each.factor for each in judged), key=lambda factor: math.inf if math.isnan(factor) else factor)
    return Result(
        name="savings",
        ours=round(worst, 3),
        peer=BOUND,
        unit="times",
        ratio=round(BOUND / worst, 2),
        what="the largest ratio between what a stop was told to save and what the same job took that was let run; the "
        "peer is the bound",
        more={
            "worst_factor": round(worst, 3),
            "cases": [each.as_object() for each in judged],
            "seconds": round(seconds, 1),
            "rule": RULE,
        },
    )


if __name__ == "__main__":
    main()

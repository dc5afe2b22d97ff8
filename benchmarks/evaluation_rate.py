"""Measures how many jobs evaluation keeps up with, each writing four times a second, with verdicts at most 5 s late.

In the embedded cloud on this machine's cores, more and more jobs write flush objects for some seconds, as hooks do
where looks are free; then the clock runs until every job's rules have judged its last step. That time is how far
evaluation was behind, because waiting steps are judged in the order in which they came. The peer judges each message by
itself, as fast as an evaluation was measured to take. Lambda's figures are computed from the same seconds.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from benchmarks._stops import METRIC, Waiting, deployed, wait
from benchmarks.platform_usage import Meter
from benchmarks.result import Result, report
from gridwatch.aws.state_table import StateTable
from gridwatch.pace import QUICKEST, Bounds, pace_of
from gridwatch.savings.prices import PriceTable
from gridwatch.savings.watching import WatchingTable, look_prices
from gridwatch_hook.batch import SavedStep, encode_together
from gridwatch_hook.modes import Mode

GROUPS = (5, 10, 20, 40)  # jobs at once, one group after the other
STEPS = 25  # of a write
WRITE_SECONDS = 12.0
LARGEST_LAG = 5.0
LONGEST_DRAIN = 120.0
LAMBDA_CONCURRENCY = 1_000  # of a fresh account
CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Round:
    """One round. `lag`: seconds from the last write until all was judged; `left`: messages then in the queue."""

    jobs: int
    writes: int
    seconds: float
    lag: float
    evaluations: int
    lambda_seconds: float
    left: int

    @property
    def writes_per_second(self) -> float:
        return self.writes / self.seconds


def main() -> None:
    with deployed() as cloud:
        cloud.launch(sum(GROUPS) + 2)
        store = StateTable(cloud.outputs["StateTable"], dynamodb=cloud.client("dynamodb"))
        meter = Meter(cloud)
        written_by(cloud, cloud.jobs[:2], 4.0)  # functions start
        time.sleep(5.0)
        rounds, first = [], 2
        for jobs in GROUPS:
            rounds.append(measured(cloud, store, meter, cloud.jobs[first : first + jobs]))
            print(rounds[-1], file=sys.stderr, flush=True)
            first += jobs
    report(result(rounds))


def measured(cloud: Waiting, store: StateTable, meter: Meter, jobs: Sequence[str]) -> Round:
    meter.take()
    begun = time.monotonic()
    last = written_by(cloud, jobs, WRITE_SECONDS)
    seconds = time.monotonic() - begun
    stopped = time.monotonic()

    def judged() -> bool | None:
        return all(_judged(store, job) >= last[job] for job in jobs) or None

    wait(judged, LONGEST_DRAIN, f"{len(jobs)} jobs are judged", pause=0.2)
    lag = time.monotonic() - stopped
    used = meter.invocations("evaluate-rules")
    queue = cloud.client("sqs").get_queue_attributes(
        QueueUrl=cloud.outputs["EvaluateQueue"], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    writes = sum((step + 1) // STEPS for step in last.values())
    left = int(queue["ApproximateNumberOfMessages"])
    return Round(len(jobs), writes, seconds, lag, used.count, used.seconds, left)


def _judged(store: StateTable, job: str) -> int:
    document = store.load_evaluation(job).document
    return int(document["cursor"]["step"]) if document else -1


def written_by(cloud: Waiting, jobs: Sequence[str], seconds: float) -> dict[str, int]:
    """Let each job write four times a second; returns the last step of each."""
    last = dict.fromkeys(jobs, -1)
    over = threading.Event()

    def train(job: str) -> None:
        at = time.monotonic()
        while not over.is_set():
            last[job] = _write(cloud, job, last[job])
            at += QUICKEST
            over.wait(max(0.0, at - time.monotonic()))

    with ThreadPoolExecutor(len(jobs)) as pool:
        for job in jobs:
            pool.submit(train, job)
        over.wait(seconds)
        over.set()
    return last


def _write(cloud: Waiting, job: str, before: int) -> int:
    steps = []
    for number in range(before + 1, before + 1 + STEPS):
        saved = SavedStep(number, Mode.GLOBAL, number, time.time())
        saved.add(METRIC, np.array([0.1]))
        steps.append(saved)
    batch = encode_together(steps, "worker_0", before)
    cloud._put(job, batch.events_key, batch.events)
    return before + STEPS


def result(rounds: Sequence[Round]) -> Result:
    kept = [each for each in rounds if each.lag <= LARGEST_LAG]
    best = max(kept, key=lambda each: each.writes_per_second, default=rounds[0])
    # With few jobs nearly each write is evaluated by itself, and nobody waits for a core.
    each_takes = rounds[0].lambda_seconds / max(1, rounds[0].evaluations)
    alone = CORES / each_takes  # evaluations a second, one for each message
    hourly, looks = PriceTable.built_in().per_hour["ml.m5.large"], look_prices(WatchingTable.built_in())
    pace = pace_of(hourly, 3_600, looks, Bounds())
    in_lambda = LAMBDA_CONCURRENCY / each_takes
    return Result(
        name="evaluation_rate",
        ours=round(best.writes_per_second, 1),
        peer=round(alone, 1),
        unit="writes a second",
        ratio=round(best.writes_per_second / alone, 2),
        what=f"writes of {STEPS} steps each that {CORES} cores judge at most {LARGEST_LAG:g} s late, with all "
        "else of the embedded cloud on the same cores; peer: an evaluation for each message",
        more={
            "steps_per_second": round(best.writes_per_second * STEPS),
            "jobs_at_once": best.jobs if kept else 0,
            "lag_s": round(best.lag, 2),
            "left_in_queue": max(each.left for each in rounds),
            "rounds": [
                {
                    "jobs": each.jobs,
                    "writes_per_second": round(each.writes_per_second, 1),
                    "lag_s": round(each.lag, 2),
                    "evaluations": each.evaluations,
                    "left_in_queue": each.left,
                }
                for each in rounds
            ],
            "seconds_an_invocation": round(each_takes, 4),
            "lambda_writes_per_second": round(in_lambda),
            "lambda_jobs_at_pace": round(in_lambda * pace.look_seconds),
            "cores": CORES,
            "load_average_5_min": round(os.getloadavg()[1], 1),
        },
    )


if __name__ == "__main__":
    main()

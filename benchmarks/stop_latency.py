"""Measures the seconds from the PutObject of the tensor that breaks a rule to StopTrainingJob accepted, in the embedded
cloud.

50 jobs write a step every five seconds; each breaks its rule at some moment within 25 seconds. Beside it, in the same
cloud: 50 jobs that break it at the same moment, and a poller as in AWS's sample, which looks every five seconds (every
five minutes as arithmetic). In a cloud that allows one StopTrainingJob a second: the 50 at the same moment once more.
"""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks._stops import Poller, Waiting, deployed
from benchmarks.result import Result, report

JOBS = 50
WARM_UP = 4
WRITE_SECONDS = 5.0
SPREAD_SECONDS = 25.0
POLL_SECONDS = 5.0
RARE_POLL_SECONDS = 300.0
REST_SECONDS = 8.0
GOOD, BAD = 0.1, 1.0


def main() -> None:
    with deployed() as cloud:
        cloud.launch(2 * JOBS + WARM_UP)
        warm_up(cloud)
        spread = cloud.jobs[WARM_UP : WARM_UP + JOBS]
        with Poller(cloud, spread, POLL_SECONDS) as poller:
            began = write_spread(cloud, spread, random.Random(4))
            stopped = cloud.await_stops(spread, 60)
            poller.await_all(60)
        ours, polled = latencies(began, stopped), latencies(began, poller.seen)
        at_once = burst(cloud, cloud.jobs[WARM_UP + JOBS :], 120)
    with deployed("--rate", "StopTrainingJob=1") as cloud:
        cloud.launch(JOBS + WARM_UP)
        warm_up(cloud)
        paced = burst(cloud, cloud.jobs[WARM_UP:], 240)
    report(result(ours, polled, at_once, paced))


def warm_up(cloud: Waiting) -> None:
    """Stop some jobs before the clock starts, and wait until what that woke has come to rest."""
    jobs = cloud.jobs[:WARM_UP]
    for job in jobs:
        cloud.write(job, 0, BAD)
    cloud.await_stops(jobs, 60)
    time.sleep(REST_SECONDS)


def write_spread(cloud: Waiting, jobs: Sequence[str], chance: random.Random) -> Mapping[str, float]:
    """Let each job write until its bad step; returns when the PutObject of that step began."""

    def train(job: str, phase: float, bad_at: float) -> float:
        step, next_at = 0, start + phase
        while next_at < start + bad_at:
            time.sleep(max(next_at - time.time(), 0))
            cloud.write(job, step, GOOD)
            step, next_at = step + 1, next_at + WRITE_SECONDS
        time.sleep(max(start + bad_at - time.time(), 0))
        return cloud.write(job, step, BAD)

    start = time.time() + 0.5
    plans = [(job, chance.uniform(0, WRITE_SECONDS), chance.uniform(5, SPREAD_SECONDS)) for job in jobs]
    with ThreadPoolExecutor(len(jobs)) as pool:
        written = [pool.submit(train, *plan) for plan in plans]
        return {job: future.result() for job, future in zip(jobs, written, strict=True)}


def burst(cloud: Waiting, jobs: Sequence[str], timeout: float) -> list[float]:
    """Let all jobs break their rule at the same moment."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        list(pool.map(lambda job: cloud.write(job, 0, GOOD), jobs))
    time.sleep(REST_SECONDS)  # until the first steps are judged
    with ThreadPoolExecutor(len(jobs)) as pool:
        began = dict(zip(jobs, pool.map(lambda job: cloud.write(job, 1, BAD), jobs), strict=True))
    return latencies(began, cloud.await_stops(jobs, timeout))


def latencies(began: Mapping[str, float], ended: Mapping[str, float]) -> list[float]:
    return sorted(ended[job] - began[job] for job in began)


def quantile(values: Sequence[float], share: float) -> float:
    """A quantile by nearest rank."""
    return round(values[math.ceil(share * len(values)) - 1], 3)


def result(ours: list[float], polled: list[float], at_once: list[float], paced: list[float]) -> Result:
    median, peer = quantile(ours, 0.5), quantile(polled, 0.5)
    return Result(
        name="stop_latency",
        ours=median,
        peer=peer,
        unit="s",
        ratio=round(peer / median, 1),
        what=(
            f"{JOBS} jobs writing every {WRITE_SECONDS:g} s, warm functions: PutObject of the bad step to "
            f"StopTrainingJob accepted, median; the peer polls the rules' statuses every {POLL_SECONDS:g} s"
        ),
        more={
            "median_s": median,
            "p95_s": quantile(ours, 0.95),
            "max_s": round(ours[-1], 3),
            "at_once_median_s": quantile(at_once, 0.5),
            "at_once_p95_s": quantile(at_once, 0.95),
            "paced_median_s": quantile(paced, 0.5),
            "paced_p95_s": quantile(paced, 0.95),
            "paced_at_best_p95_s": round(0.95 * JOBS, 1),
            "polling_median_s": peer,
            "polling_p95_s": quantile(polled, 0.95),
            "polling_5_min_median_s": RARE_POLL_SECONDS / 2,
            "polling_5_min_p95_s": RARE_POLL_SECONDS * 0.95,
            "jobs": JOBS,
            "cores": os.cpu_count(),
            # Over the number of cores, the figures say more about the machine than about the path.
            "load_average_5_min": round(os.getloadavg()[1], 1),
        },
    )


if __name__ == "__main__":
    main()

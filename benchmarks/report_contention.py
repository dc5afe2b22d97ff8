"""Measures how long the slowest of many judged jobs waits when they report to one experiment's log, at one instant and
steadily.

The real code (`CrossTrialJudge`), a thread and a client for each job as on Lambda, on a table in memory whose
calls take 5 ms in the median, spread as DynamoDB's do. The peer tries again at once, 50 times, as
Gridwatch did before: whoever gives up waits for its message, which comes again after 360 s.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import benchmarks._functions  # noqa: F401  makes evaluate_rules importable
from benchmarks.result import Result, report
from gridwatch.judging.judge import CrossTrialJudge
from gridwatch.state.memory import MemoryStore
from gridwatch.state.patience import Patience
from gridwatch.state.store import ConflictError
from gridwatch_rules.judgement.live import Replica, TrialReports
from gridwatch_rules.judgement.reported import ReportsRecord

AT_ONCE = (50, 200, 500)
STEADY_JOBS, STEADY_SECONDS = 200, 20.0  # each of them reports once a second
GIVEN_UP = 360.0  # seconds until the message of a call that gave up comes again
_HALF = 0.0025
_JOB: Any = SimpleNamespace(experiment="crowded")
_USE: Any = SimpleNamespace(metric="loss", resource="epochs")


@dataclass
class FarTable:
    """A store in memory whose calls take as long as DynamoDB's."""

    store: MemoryStore = field(default_factory=MemoryStore)
    calls: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reports_after(self, log: str, number: int) -> Sequence[ReportsRecord]:
        found: Sequence[ReportsRecord] = self._asked(lambda: self.store.reports_after(log, number))
        return found

    def add_reports(self, record: ReportsRecord) -> None:
        self._asked(lambda: self.store.add_reports(record))

    def leave_reports(self, record: ReportsRecord) -> None:
        self._asked(lambda: self.store.leave_reports(record))

    def left_reports(self, log: str, number: int) -> Sequence[ReportsRecord]:
        found: Sequence[ReportsRecord] = self._asked(lambda: self.store.left_reports(log, number))
        return found

    def get_experiment(self, name: str) -> None:
        return None

    def _asked(self, call: Callable[[], Any]) -> Any:
        _travel()
        try:
            with self._lock:
                self.calls += 1
                return call()
        finally:
            _travel()


def _travel() -> None:
    time.sleep(random.lognormvariate(0, 0.4) * _HALF)


@dataclass
class Waits:
    """The seconds from a report to its entry in the log, and the calls that gave up."""

    seconds: list[float] = field(default_factory=list)
    gave_up: int = 0

    def share(self, part: float) -> float:
        ordered = sorted(self.seconds)
        return round(ordered[min(len(ordered) - 1, int(part * len(ordered)))], 2) if ordered else 0.0


@dataclass
class FormerTable(FarTable):
    """A peer's table, beside which nobody leaves anything."""

    def leave_reports(self, record: ReportsRecord) -> None:
        """Leave nothing, which takes no time."""

    def left_reports(self, log: str, number: int) -> Sequence[ReportsRecord]:
        return ()


class Hasty(Patience):
    """A peer that tries again at once, 50 times."""

    def tries(self) -> Iterator[int]:
        return iter(range(50))


def _record(judge: CrossTrialJudge, replica: Replica, told: TrialReports, waits: Waits, since: float) -> None:
    try:
        judge._record(replica, told, _JOB, _USE)
    except ConflictError:
        waits.gave_up += 1
    else:
        waits.seconds.append(time.monotonic() - since)


def at_once(jobs: int, patience: Patience, table: FarTable) -> tuple[Waits, FarTable]:
    """Let every job make one report, all beginning at the same moment."""
    waits, gate = Waits(), threading.Barrier(jobs)
    store: Any = table

    def one(number: int) -> None:
        judge, told = CrossTrialJudge(store, patience), TrialReports(f"t{number}-1", [(0.0, 1.0, 0.5)])
        gate.wait()
        _record(judge, Replica(), told, waits, time.monotonic())

    _together(jobs, one)
    told = sum(len(record.parts) for record in table.store.reports["crowded#loss#epochs"])
    assert jobs - waits.gave_up <= told <= jobs
    return waits, table


def steady(jobs: int, seconds: float) -> Waits:
    """Let each job report once a second. Reports that come while it waits go into the next entry, as in an
    evaluation.
    """
    waits, began = Waits(), time.monotonic()
    store: Any = FarTable()

    def one(number: int) -> None:
        judge, replica, first = CrossTrialJudge(store), Replica(), number / jobs
        for report_number in range(int(seconds)):
            due = began + first + report_number
            if (left := due - time.monotonic()) > 0:
                time.sleep(left)
            elif report_number + 1 < seconds and time.monotonic() > due + 1:
                continue  # the next one's call takes this report along
            reports = [(float(step), float(step), 0.5) for step in range(report_number + 1)]
            _record(judge, replica, TrialReports(f"t{number}-1", reports), waits, due)

    _together(jobs, one)
    return waits


def _together(count: int, one: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure() -> Result:
    facts: dict[str, Any] = {}
    for jobs in AT_ONCE:
        waits, table = at_once(jobs, Patience(), FarTable())
        facts |= {
            f"worst_s_of_{jobs}": waits.share(1.0),
            f"median_s_of_{jobs}": waits.share(0.5),
            f"gave_up_of_{jobs}": waits.gave_up,
            f"calls_of_{jobs}": table.calls,
        }
    lasting = steady(STEADY_JOBS, STEADY_SECONDS)
    facts |= {
        "steady_reports_a_second": STEADY_JOBS,
        "steady_worst_s": lasting.share(1.0),
        "steady_p99_s": lasting.share(0.99),
        "steady_median_s": lasting.share(0.5),
        "steady_gave_up": lasting.gave_up,
    }
    hasty, _ = at_once(200, Hasty(), FormerTable())
    facts["gave_up_of_200_before"] = hasty.gave_up
    ours, peer = facts[f"worst_s_of_{AT_ONCE[-1]}"], GIVEN_UP if hasty.gave_up else hasty.share(1.0)
    what = f"the longest wait of {AT_ONCE[-1]} judged jobs that report at one instant"
    return Result(
        name="report_contention", ours=ours, peer=peer, unit="s", ratio=round(peer / ours, 1), what=what, more=facts
    )


if __name__ == "__main__":
    report(measure())

"""Many jobs of one experiment end at one instant: their trials, its counts and its log of reports are all written, and
nobody waits long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from gridwatch.aws.state_table import StateTable
from gridwatch.domain.counts import ExperimentCounts
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.judging.judge import CrossTrialJudge
from gridwatch.state.counting import correct, counted
from gridwatch.state.store import ConflictError
from gridwatch.state.unreadable import UnreadableRecordError
from gridwatch_rules.judgement.live import Pending, Replica, TrialReports, taking_along
from gridwatch_rules.judgement.median import KatibMedianStopping
from gridwatch_rules.judgement.reported import OtherReports, ReportsRecord
from tests.simulation.stage import Stage
from tests.unit.growth.far_table import FarTable, all_at_once, simulated
from tests.unit.growth.test_counts import METRIC, NAME, SECOND, becomes, begun, counts, waiting

LONGEST = 2.5  # seconds
LOG = f"{NAME}#loss#epochs"
_JOB: Any = SimpleNamespace(experiment=NAME)
_USE: Any = SimpleNamespace(metric="loss", resource="epochs")


def ends(store: StateTable, trial: TrialRecord) -> Callable[[], object]:
    return lambda: becomes(store, trial, state=TrialState.COMPLETED, billable_seconds=10, final_metrics={})


def reports(store: StateTable, trial: TrialRecord) -> Callable[[], object]:
    told = TrialReports(f"{trial.trial_id}-1", [(0.0, 1.0, 0.5)])
    return lambda: CrossTrialJudge(store)._record(Replica(), told, _JOB, _USE)


class Crowd:
    """Jobs of one experiment that all run."""

    def __init__(self, jobs: int) -> None:
        self.stage = Stage(jobs)
        self.table = FarTable(self.stage)
        self.store = StateTable("state", dynamodb=self.table)
        trials = [waiting(index) for index in range(jobs)]
        begun(self.store, *trials)
        later = trials[0].updated_at + SECOND
        self.running = [replace(trial, state=TrialState.RUNNING, updated_at=later) for trial in trials]
        self.store.update_trials(list(zip(trials, self.running, strict=True)))

    def waits(self, *works: Callable[[StateTable, TrialRecord], Callable[[], object]]) -> list[float]:
        self.table.start()
        with simulated(self.stage):
            return all_at_once(self.stage, [work(self.store, trial) for trial in self.running for work in works])


@pytest.mark.parametrize("jobs", [100, 500])
def test_ends_at_one_instant(jobs: int) -> None:
    crowd = Crowd(jobs)
    assert crowd.waits(ends)[-1] <= LONGEST
    assert crowd.table.count.conflicts <= jobs, "what was overtaken is paid for"
    known, record = counts(crowd.store), crowd.store.get_experiment(NAME)
    assert record is not None
    assert known.states == {"completed": jobs}
    trials = crowd.store.list_trials(NAME)
    assert counted(record, trials, ()) == replace(known, version=0)
    spilled = [key for key in crowd.table.items if key[1].startswith("counts#")]
    assert spilled, "they were many"
    crowd.store.save_counts(known)
    assert counts(crowd.store) == replace(known, version=counts(crowd.store).version)
    listed = [item for item in crowd.table.items.values() if item.get("gsi1pk") == {"S": "experiments#counts"}]
    assert len(listed) == 1, "what was spilled is in the first item again"


@pytest.mark.parametrize("jobs", [100, 500])
def test_ends_and_their_last_reports_at_one_instant(jobs: int) -> None:
    crowd = Crowd(jobs)
    waits = crowd.waits(ends, reports)
    assert waits[-1] <= LONGEST
    assert crowd.table.count.total <= 12 * jobs
    assert counts(crowd.store).states == {"completed": jobs}
    log = crowd.store.reports_after(LOG, 0)
    assert len(log) <= 10, "who comes first takes the others along"
    assert [record.number for record in log] == list(range(1, len(log) + 1))
    trials = [part.trial for record in log for part in record.parts]
    assert sorted(trials) == sorted(f"{trial.trial_id}-1" for trial in crowd.running), "each is there once"


def test_reports_that_come_steadily_faster_than_one_by_one() -> None:
    """Two hundred a second for some seconds, where one after the other would be a hundred."""
    crowd, seconds, waits = Crowd(200), 4, list[float]()
    began = crowd.stage.now

    def each_second(store: StateTable, trial: TrialRecord) -> Callable[[], object]:
        def work() -> None:
            judge, replica = CrossTrialJudge(store), Replica()
            for number in range(seconds):
                due = began + trial.index / 200 + number
                assert crowd.stage.acting is not None
                crowd.stage.acting.pause(max(due - crowd.stage.now, 0.0))
                reports = [(float(step), step + 1.0, 0.5) for step in range(number + 1)]
                judge._record(replica, TrialReports(f"{trial.trial_id}-1", reports), _JOB, _USE)
                waits.append(crowd.stage.now - due)

        return work

    crowd.waits(each_second)
    assert len(waits) == 200 * seconds
    assert max(waits) <= LONGEST
    log = crowd.store.reports_after(LOG, 0)
    assert sum(len(part.reports) for record in log for part in record.parts) == 200 * seconds


def test_what_somebody_left_and_others_took_along_is_not_written_again() -> None:
    """A call leaves its reports and dies; another one takes them along, and the message comes again."""
    crowd = Crowd(3)
    first, second, third = (TrialReports(f"{trial.trial_id}-1", [(0.0, 1.0, 0.5)]) for trial in crowd.running)
    judge, replica = CrossTrialJudge(crowd.store), Replica()
    judge._record(replica, first, _JOB, _USE)
    left = second.left(Replica(), LOG)
    assert left is not None
    crowd.store.leave_reports(left)
    judge._record(replica, third, _JOB, _USE)
    assert [len(record.others) for record in crowd.store.reports_after(LOG, 0)] == [0, 0], "nobody was overtaken"
    (entry,) = taking_along(TrialReports("d", [(0.0, 1.0, 0.5)]).entries(replica, LOG), [left, left], replica)
    crowd.store.add_reports(entry)
    behind = Replica()
    judge._record(behind, second, _JOB, _USE)
    log = crowd.store.reports_after(LOG, 0)
    told = [[part.trial for part in record.parts] for record in log]
    assert told == [[first.trial], [third.trial], ["d", second.trial]]
    assert behind.reached(second.trial) == 1.0


def test_what_is_large_is_not_taken_along() -> None:
    """An entry stays within what an item of the table may have."""
    many = [(float(step), step + 1.0, 0.5) for step in range(201)]
    assert TrialReports("a", many).left(Replica(), LOG) is None
    offered = [TrialReports(f"t{number:03d}", many[:200]).left(Replica(), LOG) for number in range(20)]
    left = [each for each in offered if each is not None]
    (entry,) = taking_along(TrialReports("own", many).entries(Replica(), LOG), left, Replica())
    assert len(entry.others) == 8
    assert sum(len(part.reports) for part in entry.parts) <= 2_000
    assert taking_along([], left, Replica()) == []


def test_a_verdict_is_the_same_whether_others_have_entries_of_their_own_or_not() -> None:
    curves = {f"t{number}": [0.5 - step / 20 for step in range(6)] for number in range(4)} | {"bad": [0.9] * 6}
    apart: list[ReportsRecord] = []
    for step in range(6):
        for trial, values in curves.items():
            one = ((float(step), step + 1.0, values[step]),)
            ending = "completed" if step == 5 and trial != "bad" else None
            number = len(apart) + 1
            apart.append(ReportsRecord(log=LOG, number=number, trial=trial, reports=one, planned=9.0, ending=ending))
    together = []
    for number, start in enumerate(range(0, len(apart), 5), 1):
        first, *others = apart[start : start + 5]
        taken = tuple(
            OtherReports(trial=each.trial, reports=each.reports, planned=each.planned, ending=each.ending)
            for each in others
        )
        together.append(replace(first, number=number, others=taken))
    assert judged(apart)["bad"]
    assert judged(apart) == judged(together)


def judged(log: Sequence[ReportsRecord]) -> Mapping[str, object]:
    """What a rule says of each trial, and what the log knows of it."""
    rule = KatibMedianStopping.create({"metric": "loss", "min_trials_required": 2, "start_step": 2})
    found: dict[str, object] = {}
    for trial in sorted({part.trial for record in log for part in record.parts}):
        replica = Replica()
        replica.extend(log)
        verdicts = replica.judge(trial, {"median": Pending(rule)})
        found[trial] = [each.judgement for each in verdicts.values()]
        found[f"{trial} in the log"] = replica.reached(trial), replica.has_ended(trial), replica.reports
    return found


def test_what_was_spilled_is_taken_along() -> None:
    """The best trial is tried again, and the upload names another objective, while parts of the counts are spilled."""
    crowd = Crowd(30)

    def done(store: StateTable, trial: TrialRecord) -> Callable[[], object]:
        value = {METRIC: 0.5 + trial.index / 100}
        return lambda: becomes(store, trial, state=TrialState.COMPLETED, billable_seconds=10, final_metrics=value)

    crowd.waits(done)
    known = counts(crowd.store)
    assert (known.best, known.best_trial, known.best_is_known) == (0.5, crowd.running[0].trial_id, True)
    best = crowd.store.list_trials(NAME)[0]
    again = becomes(crowd.store, best, state=TrialState.WAITING, final_metrics={}, former_seconds=10.0)
    assert (counts(crowd.store).best, counts(crowd.store).best_is_known) == (None, False)
    record = crowd.store.get_experiment(NAME)
    assert record is not None
    correct(crowd.store, record, counts(crowd.store), crowd.store.list_trials(NAME))
    assert counts(crowd.store).best == 0.51
    becomes(crowd.store, again, state=TrialState.COMPLETED, billable_seconds=10, final_metrics={METRIC: 0.1})
    assert (counts(crowd.store).best, counts(crowd.store).took) == (0.1, {"ml.m5.large": (30 + 1) * 20_000})
    other = {**record.document, "objective": {"metric": "accuracy", "direction": "maximize"}}
    crowd.store.put_experiment(replace(record, document=other, uploaded_at=record.uploaded_at + SECOND))
    assert (counts(crowd.store).metric, counts(crowd.store).best_is_known) == ("accuracy", False)
    assert counts(crowd.store).states == {"completed": 30}


def test_damaged_spills_make_the_counts_unknown() -> None:
    crowd = Crowd(30)
    crowd.waits(ends)
    key = next(key for key in crowd.table.items if key[1].startswith("counts#"))
    damaged = {**crowd.table.items[key], "document": {"S": "[]"}}
    crowd.table.put_item(TableName="state", Item=damaged)
    assert crowd.store.list_counts() == []
    with pytest.raises(UnreadableRecordError):
        crowd.store.get_counts(NAME)
    with pytest.raises(ConflictError):
        crowd.store.save_counts(ExperimentCounts(experiment=NAME))
    last = crowd.store.list_trials(NAME)[-1]
    becomes(crowd.store, last, state=TrialState.FAILED)
    assert crowd.table.items[key] == damaged

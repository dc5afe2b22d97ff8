"""What is recorded of an experiment's jobs, read from the state table by the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from gridwatch.aws.record_reader import RecordReader
from gridwatch.aws.table import DocumentTable, Item
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.state.job_records import JobRecords
from gridwatch.state.unreadable import if_readable

JOB, RULE, REACTION = "job", "rule#", "reaction#"
_AT_ONCE = 8  # queries for jobs of former versions: fewer than the ten connections that a client keeps open


def job_key(job_name: str) -> str:
    return f"job#{job_name}"


def place_in_experiment(experiment: str, job_name: str, sk: str) -> tuple[str, str]:
    """Where an item of a job is in the second index: all of one experiment's jobs lie behind each other."""
    return f"experiment#{experiment}", f"{job_name}#{sk}"


def known_job(records: RecordReader, item: Item) -> JobRecord:
    """The record of a job, saying whether it is in the second index, and with it all that is recorded of the job.

    Raises UnreadableRecordError.
    """
    return replace(records.one(JobRecord, item), listed=item.second_index is not None)


def known_jobs(records: RecordReader, items: Iterable[Item]) -> Iterator[JobRecord]:
    """Those that can be read, likewise."""
    for item in items:
        job = if_readable(partial(known_job, records, item))
        if job is not None:
            yield job


@dataclass(slots=True)
class _Found:
    """The items of one job as they come in."""

    records: RecordReader
    is_known: bool = False
    job: JobRecord | None = None
    evaluations: list[RuleEvaluationRecord] = field(default_factory=list)
    reactions: list[ReactionRecord] = field(default_factory=list)

    def take(self, item: Item) -> None:
        if item.sk == JOB:
            self.is_known = True
            self.job = next(known_jobs(self.records, [item]), None)
        elif item.sk.startswith(RULE):
            self.evaluations += self.records.all(RuleEvaluationRecord, [item])
        elif item.sk.startswith(REACTION):
            self.reactions += self.records.all(ReactionRecord, [item])

    @property
    def whole(self) -> JobRecords:
        evaluations = sorted(self.evaluations, key=lambda each: each.rule_name)
        return JobRecords(self.job, tuple(evaluations), tuple(sorted(self.reactions, key=lambda each: each.rule_name)))


class ExperimentJobs:
    """Reads the second index; jobs that a former version recorded are not in it, and are read by their keys in batches.

    Raises gridwatch_rules.failures errors.
    """

    def __init__(self, table: DocumentTable, records: RecordReader) -> None:
        self._table = table
        self._records = records

    def read(self, experiment: str, job_names: Iterable[str]) -> Mapping[str, JobRecords]:
        found = {name: _Found(self._records) for name in job_names}
        place, _ = place_in_experiment(experiment, "", "")
        for item in self._table.second_indexed(place) if found else ():
            its = found.get(item.pk.removeprefix(job_key("")))
            if its is not None:
                its.take(item)
        former = [name for name, its in found.items() if not its.is_known]
        return {name: its.whole for name, its in found.items()} | self._read_former(former)

    def _read_former(self, job_names: list[str]) -> dict[str, JobRecords]:
        """Jobs of which the index has nothing, so that a former version recorded them, or nobody did."""
        found = {name: _Found(self._records) for name in job_names}
        for item in self._table.get_many((job_key(name), JOB) for name in job_names):
            found[item.pk.removeprefix(job_key(""))].take(item)
        known = {name: its for name, its in found.items() if its.is_known}
        rules = {name: _rules(its.job) for name, its in known.items()}
        keys = ((job_key(name), f"{kind}{rule}") for name in known for kind in (RULE, REACTION) for rule in rules[name])
        for item in self._table.get_many(keys):
            known[item.pk.removeprefix(job_key(""))].take(item)
        unnamed = [name for name, its in known.items() if _may_have_unnamed_rules(its.job)]
        return {name: its.whole for name, its in found.items()} | self._read_each(unnamed, known)

    def _read_each(self, job_names: list[str], known: Mapping[str, _Found]) -> dict[str, JobRecords]:
        """Jobs of which rules may be recorded whose names nothing tells beforehand, several at a time."""
        if not job_names:
            return {}

        def read(name: str) -> JobRecords:
            its = replace(known[name], evaluations=[], reactions=[])
            for item in self._table.after(job_key(name), JOB):
                its.take(item)
            return its.whole

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(job_names, pool.map(read, job_names), strict=True))


def _rules(job: JobRecord | None) -> list[str]:
    return [policy.name for policy in job.policies] if job else []


def _may_have_unnamed_rules(job: JobRecord | None) -> bool:
    """SageMaker tells of all rules of its Debugger, those that nobody asked Gridwatch for among them."""
    return job is None or job.watched or job.managed_rules

"""The invariants, which must hold when all has come to rest, whatever went wrong; they are checked on the truth: jobs,
objects, mails.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from gridwatch.alerts.content import Alert
from gridwatch.alerts.digest import KIND as DIGEST
from gridwatch.alerts.rule_issue import KIND as RULE_ISSUE
from gridwatch.alerts.rule_issue import rule_issue_id
from gridwatch.domain.alerts import AlertRecord
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.codec import from_document, from_json
from gridwatch.storage.layout import table_key
from tests.simulation.cloud import Cloud
from tests.simulation.sagemaker import Job, final_metrics
from tests.simulation.story import CAPACITY, POISON, RULES, Scenario, dead_letter_queues, store_of

_CONDITIONS = {
    "high": lambda value: value > 0.9,
    "warm": lambda value: value > 0.6,
    "note": lambda value: value > 0.3,
    "finite": lambda value: not math.isfinite(value),
}
_STATES = {"Completed": TrialState.COMPLETED, "Failed": TrialState.FAILED, "Stopped": TrialState.STOPPED}


@dataclass(frozen=True, slots=True)
class Records:
    """Everything on record at the end."""

    experiments: Mapping[str, ExperimentRecord]
    trials: Mapping[str, list[TrialRecord]]
    alerts: Mapping[str, AlertRecord]
    reactions: Mapping[tuple[str, str], ReactionRecord]

    @classmethod
    def read(cls, cloud: Cloud) -> Records:
        store = store_of(cloud)
        experiments = {each.name: each for each in store.list_experiments()}
        items = cloud.dynamodb.tables[cloud.blueprint.environment["STATE_TABLE"]].values()
        alerts = [_record(AlertRecord, item) for item in items if item["sk"]["S"] == "alert"]
        reactions = [_record(ReactionRecord, item) for item in items if item["sk"]["S"].startswith("reaction#")]
        return cls(
            experiments,
            {name: list(store.list_trials(name)) for name in experiments},
            {each.alert_id: each for each in alerts},
            {(each.job_name, each.rule_name): each for each in reactions},
        )


def _record(kind: Any, item: Mapping[str, Any]) -> Any:
    import zlib

    packed = item.get("packed")
    return from_json(kind, zlib.decompress(packed["B"]).decode() if packed else item["document"]["S"])


def broken(cloud: Cloud, scenario: Scenario) -> list[str]:
    """The sentences that do not hold."""
    records = Records.read(cloud)
    return [
        *launched_once_or_reported(cloud, scenario, records),
        *no_stop_without_finding(cloud, records),
        *findings_are_true(cloud, records),
        *findings_are_told(cloud, records),
        *told_once(cloud, records),
        *trials_have_what_they_share(cloud, records),
        *tables_are_true(cloud, records),
        *dead_letters_are_explained(cloud),
    ]


def launched_once_or_reported(cloud: Cloud, scenario: Scenario, records: Records) -> Iterator[str]:
    """Each point of the last upload has a trial that is over; its last job is the only one that found a machine."""
    repeated = [name for name, count in Counter(cloud.sagemaker.created).items() if count > 1]
    yield from (f"job {name} was created more than once" for name in repeated)
    jobs: dict[str, list[Job]] = defaultdict(list)
    for job in cloud.sagemaker.jobs.values():
        jobs[f"{job.tags['gridwatch:experiment']} {job.tags['gridwatch:trial']}"].append(job)
    for name in {upload.experiment for upload in scenario.uploads}:
        if name not in records.experiments:
            yield f"{name} was uploaded, and nothing is on record"
            continue
        yield from _points(scenario, records, name)
        for trial in records.trials[name]:
            mine = jobs.pop(f"{name} {trial.trial_id}", [])
            yield from _launched(trial, mine, records)
    yield from (f"jobs of no trial on record: {name}" for name in jobs)
    if cloud.sagemaker.running > 4:
        yield f"{cloud.sagemaker.running} jobs ran at one time, where 4 may"


def _points(scenario: Scenario, records: Records, name: str) -> Iterator[str]:
    """The experiment is as it was uploaded last; what shares a second with that is as good."""
    mine = [upload for upload in scenario.uploads if upload.experiment == name]
    last = max(math.floor(upload.at) for upload in mine)
    latest = [upload for upload in mine if math.floor(upload.at) == last]
    # Of one key the last one wins also within a second.
    by_key = {upload.key: upload for upload in sorted(latest, key=lambda each: each.at)}
    trials = {trial.trial_id: trial for trial in records.trials[name]}
    found = sorted(
        trials[each].hyperparameters["seed"] for each in records.experiments[name].trial_ids if each in trials
    )
    wanted = [sorted(upload.seeds) for upload in by_key.values()]
    if found not in wanted:
        yield f"{name} has the points {found}, uploaded were {wanted}"
    for trial in trials.values():
        if trial.trial_id in records.experiments[name].trial_ids and trial.state is TrialState.CANCELLED:
            yield f"{trial.job_name} is a point of the spec and was cancelled: {trial.reason}"


def _launched(trial: TrialRecord, jobs: list[Job], records: Records) -> Iterator[str]:
    names = {job.name: job for job in jobs}
    base = trial.job_name.rpartition("-")[0]
    before = [f"{base}-{attempt}" for attempt in range(1, trial.attempt)]
    if trial.state is TrialState.REFUSED:
        if not any(alert.trial_id == trial.trial_id for alert in records.alerts.values()):
            yield f"{trial.job_name} was refused, and nobody was told"
        wanted = before
    elif trial.state is TrialState.CANCELLED:
        wanted = before
    else:
        wanted = [*before, trial.job_name]
    if sorted(names) != sorted(wanted):
        yield f"{trial.job_name}, {trial.state}: jobs {sorted(names)}, expected {sorted(wanted)}"
    yield from (f"{name} was retried although {names[name].failure}" for name in before
                if name in names and names[name].failure != CAPACITY)  # fmt: skip
    last = names.get(trial.job_name)
    if last is not None and _STATES.get(last.status) is not trial.state:
        yield f"{trial.job_name} is {last.status} in truth, {trial.state} on record"


def expected_findings(job: Job) -> set[str]:
    """The rules whose condition some value meets that the job has written."""
    return {name for name, meets in _CONDITIONS.items() if any(meets(value) for value in job.written)}


def blind_rules(job: Job) -> set[str]:
    """The rules that had nothing to judge by: the job wrote no value, or none that can be compared with a limit."""
    comparable = any(not math.isnan(value) for value in job.written)
    return {name for name in _CONDITIONS if not (job.written if name == "finite" else comparable)}


def no_stop_without_finding(cloud: Cloud, records: Records) -> Iterator[str]:
    """Stopped is what a stopping rule found something in, and that at most once; what ran on after it was not."""
    for job in cloud.sagemaker.jobs.values():
        stops = {"high", "finite"} & expected_findings(job)
        if job.stop_requests > 1:
            yield f"{job.name} was stopped {job.stop_requests} times"
        if job.stop_requests:
            on_record = {rule for rule in ("high", "finite") if (job.name, rule) in records.reactions}
            if not stops or not on_record:
                yield f"{job.name} was stopped; true are {sorted(stops)}, on record {sorted(on_record)}"


def findings_are_true(cloud: Cloud, records: Records) -> Iterator[str]:
    """Each rule's status on record is what the values say that the job has written, and each finding has a reaction."""
    store = store_of(cloud)
    for job in cloud.sagemaker.jobs.values():
        if store.get_job(job.name) is None:
            yield f"{job.name} trains, and is not on record"
            continue
        statuses = {each.rule_name: each for each in store.list_rule_evaluations(job.name)}
        expected = expected_findings(job)
        for rule in _CONDITIONS:
            quiet = "SawNothing" if rule in blind_rules(job) else "NoIssuesFound"
            wanted = "IssuesFound" if rule in expected else quiet
            found = statuses[rule].status if rule in statuses else None
            if found != wanted:
                yield f"rule {rule} of {job.name}: {found} on record, {wanted} in truth ({job.written})"
        reacted = {rule for name, rule in records.reactions if name == job.name}
        answered = expected | (blind_rules(job) - expected)
        if reacted != answered:
            yield f"{job.name}: reactions to {sorted(reacted)}, issues or nothing to see in truth {sorted(answered)}"
        undone = [rule for rule in reacted if records.reactions[job.name, rule].carried_out_at is None]
        yield from (f"the reaction to {rule} of {job.name} was never carried out" for rule in undone)


def findings_are_told(cloud: Cloud, records: Records) -> Iterator[str]:
    """Each finding was told in a mail, its own or a shared one; one that is only recorded has a line in the digest."""
    sent = {mail.attributes["alert_id"] for mail in cloud.inbox}
    for alert in records.alerts.values():
        if (alert.told_in or alert.alert_id) not in sent:
            yield f"alert {alert.alert_id} ({alert.kind}) reached nobody"
    for (job, rule), reaction in records.reactions.items():
        if reaction.action == "record":
            continue
        if rule in _blind_in(cloud, job):
            if reaction.alert_id not in records.alerts:
                yield f"nobody was told that {rule} saw nothing in {job}"
            continue
        alert = records.alerts.get(rule_issue_id(job, rule))
        if alert is None or reaction.alert_id != alert.alert_id:
            yield f"nobody was told what {rule} found in {job}"
    yield from digests_are_true(cloud, records)


def _blind_in(cloud: Cloud, job_name: str) -> set[str]:
    job = cloud.sagemaker.jobs.get(job_name)
    return blind_rules(job) - expected_findings(job) if job is not None else set()


def digests_are_true(cloud: Cloud, records: Records) -> Iterator[str]:
    """The last digest of each experiment counts the findings of each rule in the trials' last jobs."""
    for name in records.experiments:
        digests = [each for each in records.alerts.values() if each.kind == DIGEST and each.experiment == name]
        if not digests:
            yield f"nobody was told how {name} ended"
            continue
        last = max(digests, key=lambda each: each.created_at)
        facts = {fact.label: fact.value for fact in from_document(Alert, last.content).facts}
        told: Counter[str] = Counter()
        for line in facts["Findings"].split(", "):  # such as "high 3 x stopped"
            if line != "none":
                told[line.split()[0]] += int(line.split()[1])
        latest = {trial.job_name for trial in records.trials[name]}
        wanted = Counter(rule for job, rule in records.reactions if job in latest and rule not in _blind_in(cloud, job))
        if told != wanted:
            yield f"the digest of {name} tells {dict(told)}, found were {dict(wanted)}"


def told_once(cloud: Cloud, records: Records) -> Iterator[str]:
    """One id is one text; of a rule of a job, and of how a version of a spec ended, there is one id."""
    texts: dict[str, set[str]] = defaultdict(set)
    subjects: dict[str, set[str]] = defaultdict(set)
    for mail in cloud.inbox:
        texts[mail.attributes["alert_id"]].add(mail.message)
        if mail.attributes["kind"] in (RULE_ISSUE, "trial_failed"):
            subjects[mail.subject].add(mail.attributes["alert_id"])
    yield from (f"alert {name} has {len(each)} texts" for name, each in texts.items() if len(each) > 1)
    told: dict[str, list[str]] = defaultdict(list)
    for alert in records.alerts.values():
        if alert.kind in (RULE_ISSUE, "trial_failed"):
            content = from_document(Alert, alert.content)
            job = next((fact.value for fact in content.facts if fact.label == "Trial"), content.title)
            told[f"{alert.kind} {alert.cause} {alert.trial_id} {job}"].append(alert.alert_id)
    yield from (f"{about} is told under {ids}" for about, ids in told.items() if len(ids) > 1)
    twice = [name for name, alert in records.alerts.items() if alert.told_in and alert.told_in == name]
    yield from (f"alert {name} is told in itself" for name in twice)
    sent = {mail.attributes["alert_id"] for mail in cloud.inbox}
    both = [name for name, alert in records.alerts.items() if alert.told_in and name in sent]
    yield from (f"alert {name} was told alone and in another" for name in both)


def trials_have_what_they_share(cloud: Cloud, records: Records) -> Iterator[str]:
    """The metadata is in every trial of SageMaker's that has a job; only three failures in a row leave it unmade."""
    store, sagemaker = store_of(cloud), cloud.sagemaker
    for trial in (trial for trials in records.trials.values() for trial in trials):
        job, known = sagemaker.jobs.get(trial.job_name), store.get_job(trial.job_name)
        if job is None or known is None or "ExperimentConfig" not in job.request:
            continue
        made = [name for name in known.components if name in sagemaker.components]
        wanting = [name for name in made if (job.request["ExperimentConfig"]["TrialName"], name) not in sagemaker.links]
        if wanting or not known.components:
            yield f"the trial of {trial.job_name} in SageMaker lacks {wanting or 'what it shares with others'}"


def tables_are_true(cloud: Cloud, records: Records) -> Iterator[str]:
    for name in records.experiments:
        tables = {
            table: _table(cloud, table, name)
            for table in ("trials", "metrics", "findings", "rule_evaluations", "experiments")
        }
        absent = [table for table, rows in tables.items() if rows is None]
        if absent:
            yield f"{name} has no tables {absent}"
            continue
        yield from _trials_are_true(cloud, records, name, tables)


def _trials_are_true(cloud: Cloud, records: Records, name: str, tables: Mapping[str, Any]) -> Iterator[str]:
    rows = {row["trial_id"]: row for row in tables["trials"]}
    if set(rows) != {trial.trial_id for trial in records.trials[name]}:
        yield f"the table of trials of {name} has other trials than the records"
        return
    yield from _rows_are_true(cloud, tables)
    (experiment,) = tables["experiments"]
    if not experiment["complete"]:
        yield f"table experiments: {name} is not complete: {experiment['incomplete_reason']}"
    if len(tables["rule_evaluations"]) != len(RULES) * sum(
        row["job_name"] in cloud.sagemaker.jobs for row in rows.values()
    ):
        yield f"table rule_evaluations of {name} has {len(tables['rule_evaluations'])} rows"


def _rows_are_true(cloud: Cloud, tables: Mapping[str, Any]) -> Iterator[str]:
    curves: dict[str, list[float]] = defaultdict(list)
    for row in sorted(tables["metrics"], key=lambda each: each["step"]):
        curves[row["job_name"]].append(row["value"])
    for row in tables["trials"]:
        job = cloud.sagemaker.jobs.get(row["job_name"])
        if job is None:
            continue
        found = (row["status"], row["reason"] if job.failure else None)
        if found != (job.status, job.failure):
            yield f"table trials: {job.name} is {found}, in truth {(job.status, job.failure)}"
        if not _same(curves[job.name], job.written):
            yield f"table metrics: {job.name} has {curves[job.name]}, written were {job.written}"
        for metric in final_metrics(job):
            if row["objective_value"] != metric["Value"]:
                yield f"table trials: objective of {job.name} is {row['objective_value']}, in truth {metric['Value']}"
        findings = {each["rule_name"] for each in tables["findings"] if each["job_name"] == job.name}
        if findings != expected_findings(job):
            yield f"table findings: {job.name} has {sorted(findings)}, true are {sorted(expected_findings(job))}"


def _same(some: list[float], others: list[float]) -> bool:
    if len(some) != len(others):
        return False
    return all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(some, others, strict=True))


def _table(cloud: Cloud, table: str, experiment: str) -> list[dict[str, Any]] | None:
    key = (cloud.blueprint.environment["ARTIFACTS_BUCKET"], table_key(table, experiment))
    if key not in cloud.s3.objects:
        return None
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file, duckdb.connect() as connection:
        file.write(cloud.s3.objects[key][-1].content)
        file.flush()
        found = connection.execute("SELECT * FROM read_parquet($1)", [file.name])
        columns = [column[0] for column in found.description]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


def dead_letters_are_explained(cloud: Cloud) -> Iterator[str]:
    """After what a person does about them nothing is left but what nobody can understand."""
    for queue in dead_letter_queues(cloud, poisoned=False):
        for message in queue.messages:
            if not message.poison and json.loads(message.body) != json.loads(POISON):
                yield f"left in {queue.name}: {message.body[:200]}"

"""Accepts an uploaded spec: every trial is recorded, or every problem told. It may be killed anywhere and run again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from gridwatch.alerts.content import spec_rejected
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.rules import RulePolicy
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.events.messages import SnapshotExperiment, StartTrials
from gridwatch.events.spec_upload import SpecUpload
from gridwatch.launch.debugger_access import as_known
from gridwatch.launch.observation import REMOVED
from gridwatch.launch.plan import Plan, PlannedTrial, make_plan, waiting_trial
from gridwatch.launch.ports import StoredSpec
from gridwatch.launch.processing import within_processing_quota
from gridwatch.launch.regions import is_spared
from gridwatch.launch.seen import seen_of
from gridwatch.launch.template import Inputs
from gridwatch.reproduce.recording import take_fingerprint
from gridwatch.spec.imported import placed
from gridwatch.spec.parse import ParsedSpec, normalized, parse_spec
from gridwatch.spec.problems import Problem, SpecError, shown
from gridwatch.spec.reading import MAX_BYTES
from gridwatch.spec.windows import channel_uris
from gridwatch.state.store import StateStore
from gridwatch.state.unreadable import UnreadableRecordError, if_readable
from gridwatch.storage.layout import is_spec_key, spec_error_key, split_s3_uri
from gridwatch_rules.failures import NotFoundError, PermanentError
from launch_grid.answers import UploadedSpec, tell_superseded, write_answer
from launch_grid.inputs import find_inputs
from launch_grid.platform import Accepted, Platform, UploadOutcome
from launch_grid.tuning import record_tuning

if TYPE_CHECKING:
    from gridwatch.domain.notices import Report
    from gridwatch.storage.data_source import DataSource


def accept(upload: SpecUpload, platform: Platform) -> Accepted:
    """Accept a spec. Raises TransientError when AWS is unwell; the next try does not repeat what was done so far."""
    try:
        stored = platform.bucket.read_spec(upload.key, upload.version_id, max_bytes=MAX_BYTES)
    except NotFoundError:
        return Accepted(UploadOutcome.SUPERSEDED)  # deleted meanwhile
    current = platform.bucket.current_version(upload.key) if upload.version_id else None
    if current not in (upload.version_id, None):
        # The newer version has an event of its own.
        tell_superseded(platform.bucket, _spec(upload), UploadedSpec(upload.key, str(current)))
        return Accepted(UploadOutcome.SUPERSEDED)
    try:
        parsed, plan, inputs = _plan(stored, platform)
        report = _preflight(parsed, plan, inputs, stored.uploaded_at, platform)
        _check_record(parsed, plan, platform.store)
    except SpecError as error:
        return _reject(upload, error, platform)
    fingerprint = take_fingerprint(
        plan,
        inputs,
        platform.deployment,
        platform.bucket,
        spec=(upload.key, upload.version, stored.content),
        image=platform.image,
    )
    platform.bucket.write_fingerprint(fingerprint.key, fingerprint.to_bytes())
    return _record(upload, stored, plan, platform, report, fingerprint.key)


def _preflight(parsed: ParsedSpec, plan: Plan, inputs: Inputs, uploaded_at: datetime, platform: Platform) -> Report:
    """The notices of a quick check of data and spec; the command line looks at more. Raises SpecError for refusals."""
    # Imported when a spec has come so far: a function that starts has its first answer sooner.
    from gridwatch.preflight.flight import Preflight, as_problem  # noqa: PLC0415
    from gridwatch.preflight.sampling import CHEAP  # noqa: PLC0415

    bucket, name = platform.bucket, platform.deployment.experiments_bucket
    report = Preflight(
        sources={
            channel: bucket.data(*uris)
            for channel, data in plan.spec.data.items()
            if (uris := channel_uris(data, name, uploaded_at.date()))
        },
        budget=CHEAP,
        prices=platform.prices(),
        now=platform.clock.now(),
        open_uri=bucket.data,
    ).check(plan)
    if report.refusals:
        raise parsed.refuse(as_problem(notice) for notice in report.refusals)
    return report


def _hooks_of(source: DataSource) -> frozenset[str] | None:
    """The hooks that the script makes; None for a script that may not be read, or is too large to look into."""
    from gridwatch.preflight.hook_use import MOST_BYTES, hooks_of  # noqa: PLC0415  as above

    try:
        files = source.files()
        small = len(files) == 1 and files[0].size <= MOST_BYTES
        return hooks_of(source.read(files[0].key, 0, files[0].size)) if small else None
    except PermanentError:
        return None


def _plan(stored: StoredSpec, platform: Platform) -> tuple[ParsedSpec, Plan, Inputs]:
    parsed = parse_spec(stored.content, today=platform.clock.now().date())
    inputs = find_inputs(parsed, stored, platform.bucket, platform.store)
    if inputs.source_uri is not None:
        inputs = replace(inputs, hooks=_hooks_of(platform.bucket.data(inputs.source_uri)))
    planned = make_plan(parsed, platform.deployment, inputs)
    if refusal := _put_hooks(planned, platform):
        planned = make_plan(parsed, replace(platform.deployment, hook_refusal=refusal), inputs)
    if planned.engine == "auto":
        planned = as_known(planned, if_readable(platform.store.get_debugger_refusal), platform.clock.now())
    plan = within_processing_quota(parsed, planned, platform.processing_instances)
    absent = [index for index, policy in enumerate(plan.policies) if policy.source and not _is_there(policy, platform)]
    if absent:
        raise parsed.refuse(placed(plan.spec, _no_file(index, plan.policies[index])) for index in absent)
    return parsed, plan, inputs


def _put_hooks(plan: Plan, platform: Platform) -> str:
    """Put the hook where the jobs find it. Where AWS refuses that, it says why: no training is refused for it."""
    try:
        for carrier in plan.carriers:
            platform.hooks.put(carrier)
    except PermanentError as error:
        return str(error)
    return ""


def _check_record(parsed: ParsedSpec, plan: Plan, store: StateStore) -> None:
    """Raise SpecError when the record under the experiment's name cannot be read: it is not overwritten."""
    try:
        store.get_experiment(plan.experiment)
    except UnreadableRecordError as error:
        advice = "give the experiment another name, or have the record mended first"
        raise parsed.refuse(
            [Problem(path=("name",), message=str(error), found=plan.experiment, advice=advice)]
        ) from error


def _is_there(policy: RulePolicy, platform: Platform) -> bool:
    """Whether a file exists at the policy's source, which the deployment allows."""
    _, key = split_s3_uri(policy.source or "")
    return key in platform.bucket.etags(policy.source or "")


def _no_file(index: int, policy: RulePolicy) -> Problem:
    path, advice = ("rules", index, "source"), "upload it first, or submit the spec with `gridwatch submit`"
    return Problem(path=path, message="there is no such file", found=shown(policy.source), advice=advice)


def _record(  # noqa: PLR0917  what was found of one upload
    upload: SpecUpload, stored: StoredSpec, plan: Plan, platform: Platform, report: Report, fingerprint: str
) -> Accepted:
    now = platform.clock.now()
    experiment = replace(_experiment(upload, stored, plan, platform, now), fingerprint=fingerprint)
    overtaken = platform.store.put_experiment(experiment)
    if overtaken is experiment:
        if (winner := platform.store.get_experiment(plan.experiment)) is not None:
            tell_superseded(platform.bucket, _spec(upload), UploadedSpec.of(winner), plan.experiment)
        return Accepted(UploadOutcome.SUPERSEDED, plan.experiment)
    if overtaken is not None:
        tell_superseded(platform.bucket, UploadedSpec.of(overtaken), _spec(upload), plan.experiment)
    before = {trial.trial_id: trial for trial in platform.store.list_trials(plan.experiment)}
    fresh = (waiting_trial(trial, plan.spec, now) for trial in plan.trials if trial.trial_id not in before)
    recorded = platform.store.add_trials(fresh)
    # Where somebody else was faster, the launcher looks at the experiment's points itself.
    recorded += len(platform.store.update_trials(list(_returning(plan, before, stored.uploaded_at, now))))
    platform.store.update_trials(list(_moved(plan, before, now)))
    cancelled = len(platform.store.update_trials(list(_removed(plan, before, now))))
    record_tuning(plan, platform.store, stored.uploaded_at, now)
    accepted = Accepted(UploadOutcome.ACCEPTED, plan.experiment, plan.count, recorded, cancelled)
    _answer(upload, plan, accepted, platform, report, UploadedSpec.of(overtaken) if overtaken else None)
    if (winner_meanwhile := _overtaking(upload, plan.experiment, platform)) is not None:
        return _superseded(upload, plan.experiment, winner_meanwhile, platform)
    # The tables know the trials from now on, and how the experiment ended, if nothing of this spec is left to train.
    platform.snapshot_queue.send(SnapshotExperiment(plan.experiment))
    platform.start_queue.send(StartTrials(f"spec {upload.key}"), deduplication_id=f"{upload.key} {upload.version}")
    return accepted


def _overtaking(upload: SpecUpload, experiment: str, platform: Platform) -> UploadedSpec | None:
    """The upload that counts in place of this one: a newer version of its key, or the one that owns the experiment."""
    current = platform.bucket.current_version(upload.key) if upload.version_id else None
    if current not in (upload.version_id, None):
        return UploadedSpec(upload.key, str(current))
    kept = platform.store.get_experiment(experiment)
    return None if kept is None or UploadedSpec.of(kept) == _spec(upload) else UploadedSpec.of(kept)


def _superseded(upload: SpecUpload, experiment: str, by: UploadedSpec, platform: Platform) -> Accepted:
    """Say in the upload's answer that it was superseded. Meanwhile trials may have been recorded and cancelled that
    belong to the other upload, so that one is accepted once more, which corrects them.
    """
    tell_superseded(platform.bucket, _spec(upload), by, experiment)
    if is_spec_key(by.key):
        versioned = platform.bucket.current_version(by.key) is not None
        accept(SpecUpload(upload.bucket, by.key, by.version, by.version if versioned else None), platform)
    return Accepted(UploadOutcome.SUPERSEDED, experiment)


def _spec(upload: SpecUpload) -> UploadedSpec:
    return UploadedSpec(upload.key, upload.version)


def _experiment(
    upload: SpecUpload, stored: StoredSpec, plan: Plan, platform: Platform, now: datetime
) -> ExperimentRecord:
    kept = platform.store.get_experiment(plan.experiment)
    return ExperimentRecord(
        name=plan.experiment,
        spec_key=upload.key,
        spec_version=upload.version,
        uploaded_at=stored.uploaded_at,
        document=normalized(plan.spec),
        template=plan.template,
        policies=plan.policies,
        trial_ids=plan.trial_ids,
        parallel_jobs=plan.parallel_jobs,
        created_at=kept.created_at if kept else now,
        updated_at=now,
        engine=plan.engine,
        own_fields=plan.own_fields,
    )


Change = tuple[TrialRecord, TrialRecord]  # as it is, as it should be


def _returning(plan: Plan, before: Mapping[str, TrialRecord], uploaded_at: datetime, now: datetime) -> Iterator[Change]:
    """Trials that were never launched (taken out before, or refused) and get another chance with this upload."""
    for planned in plan.trials:
        trial = before.get(planned.trial_id)
        if trial is None:
            continue
        removed = trial.state is TrialState.CANCELLED and trial.reason == REMOVED
        refused = trial.state is TrialState.REFUSED and trial.updated_at < uploaded_at
        spared = trial.state is TrialState.CANCELLED and is_spared(trial) and trial.updated_at < uploaded_at
        if removed or refused or spared:
            yield trial, _waiting_again(planned, plan, trial, now)


def _moved(plan: Plan, before: Mapping[str, TrialRecord], now: datetime) -> Iterator[Change]:
    """Trials that still wait, but at another place, with another priority or on another machine."""
    for planned in plan.trials:
        trial = before.get(planned.trial_id)
        if trial is not None and trial.state is TrialState.WAITING:
            fresh = _waiting_again(planned, plan, trial, now)
            if replace(fresh, updated_at=trial.updated_at) != trial:
                yield trial, fresh


def _waiting_again(planned: PlannedTrial, plan: Plan, trial: TrialRecord, now: datetime) -> TrialRecord:
    """The trial as the spec has it now, keeping the number of its attempt."""
    fresh = waiting_trial(planned, plan.spec, now)
    return replace(fresh, created_at=trial.created_at, attempt=trial.attempt, job_name=trial.job_name)


def _removed(plan: Plan, before: Mapping[str, TrialRecord], now: datetime) -> Iterator[Change]:
    """Trials that wait for a point that the spec no longer has."""
    current = set(plan.trial_ids)
    for trial in before.values():
        if (trial.parent or trial.trial_id) not in current and trial.state is TrialState.WAITING:
            yield trial, replace(trial, state=TrialState.CANCELLED, reason=REMOVED, updated_at=now)


def _answer(  # noqa: PLR0917  what was made of one upload
    upload: SpecUpload,
    plan: Plan,
    accepted: Accepted,
    platform: Platform,
    report: Report,
    overtaken: UploadedSpec | None,
) -> None:
    document = {
        "outcome": accepted.outcome,
        "experiment": plan.experiment,
        "spec": {"key": upload.key, "version": upload.version},
        "trials": accepted.trials,
        "recorded": accepted.recorded,
        "cancelled": accepted.cancelled,
        **({"tuning_job": plan.tuning["HyperParameterTuningJobName"]} if plan.tuning is not None else {}),
        "hook": [seen.as_document() for seen in seen_of(plan)],
        "warnings": [warning.as_document() for warning in plan.warnings],
        "preflight": report.as_document(),
    }
    write_answer(platform.bucket, _spec(upload), document, overtaken)
    platform.bucket.delete_answer(spec_error_key(upload.key))


def _reject(upload: SpecUpload, error: SpecError, platform: Platform) -> Accepted:
    document = {
        "outcome": UploadOutcome.REJECTED,
        "spec": {"key": upload.key, "version": upload.version},
        **error.as_document(),
        "text": error.as_text(upload.key),
    }
    platform.bucket.write_answer(spec_error_key(upload.key), document)
    platform.alerts.ask(
        spec_rejected(
            spec_key=upload.key,
            spec_version=upload.version,
            problems=error.as_text(upload.key).splitlines(),
            total=error.total,
            answer_key=spec_error_key(upload.key),
            now=platform.clock.now(),
        )
    )
    return Accepted(UploadOutcome.REJECTED, problems=error.total)

"""Rows about the inputs and outputs of a trial's job, and about what happened when."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gridwatch.storage import layout
from gridwatch.tables.components import Artifact
from gridwatch.tables.facts import ExperimentFacts, Stamp, TrialFacts
from gridwatch.tables.rows import Row, identity, provenance

_SCRIPT = "sagemaker_submit_directory"  # the hyperparameter by which script mode finds its code, in JSON


def artifact_rows(facts: ExperimentFacts, stamp: Stamp) -> Iterator[Row]:
    """The job's inputs and outputs: from our records, and further ones from its component."""
    for each in facts.trials:
        ours = {(artifact.direction, artifact.uri): artifact for artifact in _recorded(facts, each)}
        shown = each.component.artifacts if each.component else ()
        theirs = [artifact for artifact in shown if (artifact.direction, artifact.uri) not in ours]
        for source, artifacts in (("gridwatch", ours.values()), ("search", theirs)):
            for artifact in artifacts:
                yield {
                    **identity(each.trial),
                    "direction": artifact.direction,
                    "name": artifact.name,
                    "uri": artifact.uri,
                    "version": artifact.version,
                    "media_type": artifact.media_type,
                    "source": source,
                    **provenance(stamp),
                }


def _recorded(facts: ExperimentFacts, each: TrialFacts) -> Iterator[Artifact]:
    record, trial = facts.record, each.trial
    if record.spec_key:
        yield Artifact("input", "spec", record.spec_key, version=record.spec_version)
    if trial.status is None:  # never launched: it has read nothing and left nothing
        return
    yield from _inputs(record.template)
    if trial.model_uri:
        yield Artifact("output", "model", trial.model_uri)
    tensors = (each.job.tensors_uri if each.job else None) or _hook_output(record.template, trial.job_name)
    if tensors:
        yield Artifact("output", "tensors", tensors)


def _inputs(template: Mapping[str, Any]) -> Iterator[Artifact]:
    for channel in template.get("InputDataConfig") or ():
        source = channel.get("DataSource") or {}
        uri = (source.get("S3DataSource") or {}).get("S3Uri")
        if uri:
            kind = "hook" if layout.is_hook_channel(channel) else channel["ChannelName"]
            yield Artifact("input", kind, uri, channel.get("ContentType"))
    code = (template.get("HyperParameters") or {}).get(_SCRIPT)
    if code:
        yield Artifact("input", "code", _unquoted(code))
    image = (template.get("AlgorithmSpecification") or {}).get("TrainingImage")
    if image:
        yield Artifact("input", "image", image)


def _hook_output(template: Mapping[str, Any], job_name: str) -> str | None:
    root = (template.get("DebugHookConfig") or {}).get("S3OutputPath")
    if not root:
        return None
    bucket, _ = layout.split_s3_uri(root)
    return layout.s3_uri(bucket, layout.tensor_prefix(job_name))


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except (ValueError, RecursionError):
        return text


@dataclass(frozen=True, slots=True)
class _Event:
    at: datetime
    kind: str
    subject: str | None
    details: str | None = None


def event_rows(facts: ExperimentFacts, stamp: Stamp) -> Iterator[Row]:
    """The events by time; those of one moment are in the order in which such events follow each other."""
    record = facts.record
    found: list[tuple[TrialFacts | None, _Event]] = [
        (None, _Event(record.uploaded_at, "spec_uploaded", record.spec_key, record.spec_version))
    ]
    found += [(each, event) for each in facts.trials for event in _trial_events(each)]
    for each, event in sorted(found, key=lambda item: item[1].at):
        yield {
            "experiment": record.name,
            "trial_id": each.trial.trial_id if each else None,
            "job_name": each.trial.job_name if each else None,
            "happened_at": event.at,
            "kind": event.kind,
            "subject": event.subject,
            "details": event.details,
            **provenance(stamp),
        }


def _trial_events(each: TrialFacts) -> Iterator[_Event]:
    trial = each.trial
    yield _Event(trial.created_at, "trial_recorded", f"attempt {trial.attempt}")
    if trial.started_at:
        yield _Event(trial.started_at, "job_started", trial.job_name, trial.instance_type)
    for evaluation in each.evaluations:
        kind = "issue_found" if evaluation.finding else "rule_status"
        yield _Event(evaluation.updated_at, kind, evaluation.rule_name, evaluation.details or evaluation.status)
    for reaction in each.reactions:
        yield _Event(reaction.decided_at, "decided", reaction.rule_name, f"{reaction.action}: {reaction.reason}")
        if reaction.carried_out_at:
            yield _Event(reaction.carried_out_at, "carried_out", reaction.rule_name, reaction.outcome)
    if trial.status_at:
        yield _Event(trial.status_at, "status_seen", trial.status, trial.secondary_status)
    if trial.ended_at:
        yield _Event(trial.ended_at, "job_ended", trial.state.value, trial.reason)

"""Trains a trial once more from its fingerprint: an experiment of its own with one trial, linked to the first.

It has an experiment of its own because the first one's may have another spec by now: its uploads would remove the
trial, and its deadline and budget belong to another time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.events.messages import StartTrials
from gridwatch.events.queue import MessageQueue
from gridwatch.grid.identity import LENGTH, data_digest
from gridwatch.grid.names import experiment_entity, job_name
from gridwatch.launch.deployment import Deployment
from gridwatch.launch.request import EXPERIMENT_TAG, IMAGE, PREFIX_TAG
from gridwatch.reproduce.differences import Copy, Findings
from gridwatch.reproduce.fingerprint import Fingerprint, ObjectVersion, Recorded
from gridwatch.reproduce.recording import SUBMITTED
from gridwatch.state.accepted_spec import AcceptedSpec
from gridwatch.state.store import StateStore
from gridwatch.storage.layout import HOOK_CHANNEL, MODEL_PREFIX, RESTORED_PREFIX, s3_uri, split_s3_uri
from gridwatch_rules.clock import Clock

_MAX_EXPERIMENT = 64
_MOST = 1_000  # reruns of one trial


class Restorer(Protocol):
    """The port that restores what is in a fingerprint. Raises gridwatch_rules.failures errors."""

    def copy(self, bucket: str, source: Copy, to: str) -> None:
        """Copy that version of an object to an address; repeating it changes nothing."""
        ...

    def write(self, uri: str, content: bytes) -> None: ...

    def etags(self, uri: str) -> Mapping[str, str]:
        """Key to etag of every object under an address."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerunner:
    store: StateStore
    restorer: Restorer
    start_queue: MessageQueue
    deployment: Deployment
    clock: Clock

    def begin(self, trial: TrialRecord, fingerprint: Fingerprint, findings: Findings) -> TrialRecord:
        """The new trial, recorded as waiting. Killed half-way and repeated, it completes what is missing."""
        name, identity = self._free_name(trial, fingerprint)
        made = self._restored(fingerprint, findings)
        made = replace(made, experiment=name, template=self._template(made, trial, name, findings))
        self.restorer.write(s3_uri(self.deployment.experiments_bucket, made.key), made.to_bytes())
        experiment, again = self._experiment(made, name, identity), self._trial(trial, name, identity, findings)
        self.store.put_experiment(experiment)
        self.store.add_trials([again])
        self.start_queue.send(StartTrials(f"rerun {name}"), deduplication_id=f"rerun {name}")
        return self.store.get_trial(name, identity) or again

    def _free_name(self, trial: TrialRecord, fingerprint: Fingerprint) -> tuple[str, str]:
        """The first number that no rerun of this trial has, or whose rerun was left without its trial."""
        for number in range(1, _MOST + 1):
            ending = f"-rerun-{trial.trial_id[:6]}-{number}"
            name = f"{trial.experiment[: _MAX_EXPERIMENT - len(ending)].rstrip('-')}{ending}"
            document = {"reruns": f"{trial.experiment}/{trial.trial_id}", "of": fingerprint.digest, "number": number}
            identity = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:LENGTH]
            if self.store.get_trial(name, identity) is None and not self.store.list_trials(name):
                return name, identity
        raise ValueError(f"{trial.job_name} was run again {_MOST} times")

    def _restored(self, fingerprint: Fingerprint, findings: Findings) -> Fingerprint:
        """The fingerprint with the restored objects at their new addresses."""
        template, changed = fingerprint.template, {}
        recorded = [*fingerprint.data, *filter(None, [fingerprint.code, fingerprint.hook])]
        for each in (each for each in recorded if each.name in findings.restore):
            place = f"{RESTORED_PREFIX}{fingerprint.digest[:16]}/{each.name}/"
            listed, read = self._bring_back(each, findings.restore[each.name], place)
            # As they lie there now: a copy in parts has another etag.
            etags = self.restorer.etags(listed)
            objects = tuple(ObjectVersion(key, etag) for key, etag in sorted(etags.items()))
            changed[each.name] = replace(each, uri=listed, objects=objects, digest=data_digest(etags))
            template = _pointed(template, each, read)
        return replace(
            fingerprint,
            template=template,
            data=tuple(changed.get(each.name, each) for each in fingerprint.data),
            code=changed.get("code", fingerprint.code),
            hook=changed.get(HOOK_CHANNEL, fingerprint.hook),
        )

    def _bring_back(self, recorded: Recorded, copies: Sequence[Copy], place: str) -> tuple[str, str]:
        """Restore all objects below `place`; returns the address that lists them, and the one that a job reads."""
        source, prefix = split_s3_uri(recorded.uri)
        bucket = self.deployment.experiments_bucket
        for copy in copies:
            self.restorer.copy(source, copy, s3_uri(bucket, f"{place}{_below(recorded, copy.key)}"))
        if recorded.kind == "window":
            names = [_below(recorded, copy.key) for copy in copies]
            content = json.dumps([{"prefix": s3_uri(bucket, place)}, *names], indent=0).encode()
            digest = hashlib.sha256(content).hexdigest()[:32]
            manifest = s3_uri(bucket, f"{place.rstrip('/')}-{digest}.manifest")
            self.restorer.write(manifest, content)
            return s3_uri(bucket, place), manifest
        uri = s3_uri(bucket, f"{place}{prefix.rpartition('/')[2]}")
        return uri, uri

    def _template(self, made: Fingerprint, trial: TrialRecord, name: str, findings: Findings) -> Mapping[str, Any]:
        """The request as it was, with the deployment's parts as they are now."""
        template, here = made.template, self.deployment
        own_role = AcceptedSpec(made.document).role
        entity = experiment_entity(here.name_prefix, name)
        output = {**template["OutputDataConfig"], "S3OutputPath": s3_uri(here.artifacts_bucket, MODEL_PREFIX[:-1])}
        tags = {tag["Key"]: tag["Value"] for tag in template["Tags"]}
        tags |= {PREFIX_TAG: here.name_prefix, EXPERIMENT_TAG: name}
        algorithm = dict(template["AlgorithmSpecification"])
        if findings.image_digest is not None and IMAGE not in trial.settings:
            algorithm["TrainingImage"] = findings.image_digest
        return {
            **template,
            "AlgorithmSpecification": algorithm,
            "RoleArn": own_role or here.job_role_arn,
            "OutputDataConfig": output,
            **({"ExperimentConfig": {"ExperimentName": entity}} if "ExperimentConfig" in template else {}),
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        }

    def _experiment(self, made: Fingerprint, name: str, identity: str) -> ExperimentRecord:
        now = self.clock.now()
        repeated = {key: value for key, value in made.document.items() if key not in ("limits", "repair")}
        return ExperimentRecord(
            name=name,
            spec_key=made.spec_key,
            spec_version=made.spec_version,
            uploaded_at=now,
            document={**repeated, "name": name, "limits": {"parallel_jobs": 1, "trials": 1}},
            template=made.template,
            policies=made.policies,
            trial_ids=(identity,),
            parallel_jobs=1,
            created_at=now,
            updated_at=now,
            engine=made.engine,
            own_fields=made.own_fields,
            fingerprint=made.key,
        )

    def _trial(self, trial: TrialRecord, name: str, identity: str, findings: Findings) -> TrialRecord:
        now = self.clock.now()
        settings = dict(trial.settings)
        if findings.image_digest is not None and IMAGE in settings:
            settings[IMAGE] = findings.image_digest
        return TrialRecord(
            experiment=name,
            trial_id=identity,
            index=0,
            attempt=1,
            state=TrialState.WAITING,
            job_name=job_name(self.deployment.name_prefix, name, identity, 1),
            hyperparameters=trial.hyperparameters,
            priority=trial.priority,
            created_at=now,
            updated_at=now,
            instance_type=trial.instance_type,
            instance_count=trial.instance_count,
            further_machines=trial.further_machines,
            settings=settings,
            repeat=trial.repeat,
            rerun_of=f"{trial.experiment}/{trial.trial_id}",
        )


def _below(recorded: Recorded, key: str) -> str:
    """The object's name below what the jobs read: for a prefix, what follows its last slash; for a window, all
    of it.
    """
    if recorded.kind == "window":
        return key
    _, prefix = split_s3_uri(recorded.uri)
    return key.removeprefix(prefix[: prefix.rfind("/") + 1])


def _pointed(template: Mapping[str, Any], recorded: Recorded, uri: str) -> Mapping[str, Any]:
    if recorded.kind == "code":
        return {**template, "HyperParameters": {**template["HyperParameters"], SUBMITTED: json.dumps(uri)}}
    channels = [
        _at(channel, uri) if channel["ChannelName"] == recorded.name else channel
        for channel in template.get("InputDataConfig", ())
    ]
    return {**template, **({"InputDataConfig": channels} if channels else {})}


def _at(channel: Mapping[str, Any], uri: str) -> Mapping[str, Any]:
    source = {**channel["DataSource"]["S3DataSource"], "S3Uri": uri}
    return {**channel, "DataSource": {"S3DataSource": source}}

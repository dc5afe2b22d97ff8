"""Takes the fingerprint of an upload when its spec is accepted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from gridwatch import __version__
from gridwatch.grid.identity import data_digest
from gridwatch.launch.deployment import Deployment
from gridwatch.launch.plan import Plan
from gridwatch.launch.ports import ExperimentBucket
from gridwatch.launch.request import IMAGE
from gridwatch.launch.template import Inputs
from gridwatch.reproduce.fingerprint import (
    MAX_OBJECTS,
    MAX_VERSIONS,
    Fingerprint,
    ImageVersion,
    ObjectVersion,
    Recorded,
)
from gridwatch.spec.channels import channel_uri
from gridwatch.spec.parse import normalized
from gridwatch.spec.parts.data import Channel
from gridwatch.storage.layout import HOOK_CHANNEL, s3_uri, split_s3_uri
from gridwatch_rules.failures import PermanentError

SUBMITTED = "sagemaker_submit_directory"


def take_fingerprint(
    plan: Plan,
    inputs: Inputs,
    deployment: Deployment,
    bucket: ExperimentBucket,
    *,
    spec: tuple[str, str, bytes],
    image: Callable[[str], ImageVersion],
) -> Fingerprint:
    """Take a fingerprint. `spec`: its key, version and bytes. `image` returns the registry's version of an address.
    Raises TransientError.
    """
    key, version, content = spec
    usual = str(plan.template["AlgorithmSpecification"]["TrainingImage"])
    addresses = dict.fromkeys([usual, *(str(t.settings[IMAGE]) for t in plan.trials if IMAGE in t.settings)])
    data = [
        _channel(name, channel, deployment, inputs.etags.get(name, {}), bucket)
        for name, channel in plan.spec.data.items()
    ]
    if plan.spec.start_from is not None and inputs.model_uri is not None:
        data.append(_under(plan.spec.start_from.channel, inputs.model_uri, bucket, may_read=False))
    code_uri = code_address(plan.template)
    carrier = next(iter(plan.carriers), None)
    return Fingerprint(
        experiment=plan.experiment,
        spec_key=key,
        spec_version=version,
        spec_digest=hashlib.sha256(content).hexdigest(),
        region=deployment.region,
        account=account_of(deployment.job_role_arn),
        release=__version__,
        images=tuple(image(address) for address in addresses),
        code=_under("code", code_uri, bucket, kind="code") if code_uri else None,
        code_digest=inputs.source_digest or (PurePosixPath(code_uri).name.split(".")[0] if code_uri else ""),
        data=tuple(data),
        document=normalized(plan.spec),
        template=plan.template,
        policies=plan.policies,
        hook=_under(HOOK_CHANNEL, carrier.uri, bucket, kind="hook", may_read=False) if carrier else None,
        hook_version=carrier.version if carrier else "",
        engine=plan.engine,
        own_fields=plan.own_fields,
    )


def code_address(template: Mapping[str, Any]) -> str | None:
    """The archive of the script, where there is one."""
    said = template.get("HyperParameters", {}).get(SUBMITTED)
    return None if said is None else str(json.loads(said))


def account_of(arn: str) -> str:
    return (arn.split(":") + [""] * 5)[4]


def _channel(
    name: str, channel: Channel, deployment: Deployment, etags: Mapping[str, str], bucket: ExperimentBucket
) -> Recorded:
    if channel.uri is None:
        system = channel.file_system
        place = f"{system.id}:{system.path}" if system is not None else ""
        return Recorded(name=name, uri=place, kind="file_system")
    uri = channel_uri(channel.uri, deployment.experiments_bucket)
    return _recorded(name, uri, "window" if channel.window is not None else channel.kind, etags, bucket)


def _under(name: str, uri: str, bucket: ExperimentBucket, kind: str = "prefix", *, may_read: bool = True) -> Recorded:
    """The objects under an address. `may_read`: the deployment may read their versions, and not only list them."""
    try:
        etags = bucket.etags(uri)
    except PermanentError:
        etags = {}
    return _recorded(name, uri, kind, etags, bucket, may_read=may_read)


def _recorded(
    name: str, uri: str, kind: str, etags: Mapping[str, str], bucket: ExperimentBucket, *, may_read: bool = True
) -> Recorded:
    place, _ = split_s3_uri(uri)
    objects: tuple[ObjectVersion, ...] = ()
    if len(etags) <= MAX_OBJECTS:
        ask = may_read and len(etags) <= MAX_VERSIONS
        objects = tuple(
            ObjectVersion(key, etag, bucket.version_of(s3_uri(place, key), etag) if ask else None)
            for key, etag in sorted(etags.items())
        )
    return Recorded(name=name, uri=uri, kind=kind, count=len(etags), digest=data_digest(etags), objects=objects)

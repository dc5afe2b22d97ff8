"""The permissions that a request of SageMaker or Batch needs: IAM actions on resources, with their condition keys.

Sources: Service Authorization Reference, "Actions, resources, and condition keys" for Amazon SageMaker, for AWS Batch
(docs.aws.amazon.com/service-authorization/latest/reference/list_sagemaker.html and list_batch.html), and for handing a
role over: IAM User Guide, "Grant a user permissions to pass a role to an AWS service".
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

# Kinds whose name in ARNs is not their name in small letters with hyphens.
_KINDS = {"Trial": "experiment-trial", "TrialComponent": "experiment-trial-component"}
_VERB = re.compile(r"(Create|Delete|Describe|ListTrainingJobsFor|Stop|Update)([A-Z]\w+)")
_TAGGING = ("AddTags", "DeleteTags", "ListTags")

TagsOf = Callable[[str], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Need:
    """One action on one resource; `context` holds the request's condition keys."""

    action: str
    resource: str
    context: Mapping[str, Any] = field(default_factory=dict)


def sagemaker_needs(operation: str, request: Mapping[str, Any], arn: Callable[[str], str], tags: TagsOf) -> list[Need]:
    """What a SageMaker request needs. `arn` makes an ARN of `kind/name`; `tags` returns a resource's tags.

    An operation whose resource is not known here needs `*`, which only a statement about everything allows.
    """
    given = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
    context = _requested(given)
    if operation in _TAGGING:
        return [_on(f"sagemaker:{operation}", request["ResourceArn"], tags, context)]
    needs = [_on(f"sagemaker:{operation}", resource, tags, context) for resource in _resources(operation, request, arn)]
    if operation.startswith("Create"):
        if given:
            needs += [Need("sagemaker:AddTags", need.resource, context) for need in needs]
        passed = {"iam:PassedToService": "sagemaker.amazonaws.com"}
        needs += [Need("iam:PassRole", role, passed) for role in sorted(set(_roles(request)))]
    return needs


def batch_needs(
    operation: str, request: Mapping[str, Any], arn: Callable[[str], str], tags: TagsOf, resource: str = ""
) -> list[Need]:
    """What a Batch request needs; `resource` is the ARN in the path of operations on tags."""
    if operation in ("ListTagsForResource", "TagResource", "UntagResource"):
        return [_on(f"batch:{operation}", resource, tags, _requested(request.get("tags", {})))]
    if operation == "SubmitServiceJob":
        queue = request["jobQueue"]
        context = _requested(request.get("tags", {}))
        on = queue if queue.startswith("arn:") else arn(f"job-queue/{queue}")
        tagging = [Need("batch:TagResource", arn("service-job/new"), context)] if request.get("tags") else []
        return [_on("batch:SubmitServiceJob", on, tags, context), *tagging]
    if "jobId" in request:
        return [_on(f"batch:{operation}", arn(f"service-job/{request['jobId']}"), tags, {})]
    return [Need(f"batch:{operation}", "*")]


def _resources(operation: str, request: Mapping[str, Any], arn: Callable[[str], str]) -> list[str]:
    if operation in ("AssociateTrialComponent", "DisassociateTrialComponent"):
        kinds = ["Trial", "TrialComponent"]
    elif operation == "BatchPutMetrics":
        return [arn(f"experiment-trial-component/{request['TrialComponentName'].lower()}")]
    else:
        found = _VERB.fullmatch(operation)
        kinds = [found[2]] if found and f"{found[2]}Name" in request else []
    return [arn(_path(kind, request[f"{kind}Name"])) for kind in kinds] or ["*"]


def _path(kind: str, name: str) -> str:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind).lower()
    # Entities of Experiments have their names in small letters in ARNs, jobs as they were given.
    experiment = kind in ("Experiment", "Trial", "TrialComponent")
    return f"{_KINDS.get(kind, words)}/{name.lower() if experiment else name}"


def _on(action: str, resource: str, tags: TagsOf, context: Mapping[str, Any]) -> Need:
    carried = {f"aws:ResourceTag/{key}": value for key, value in tags(resource).items()}
    return Need(action, resource, {**carried, **context})


def _requested(tags: Mapping[str, str]) -> dict[str, Any]:
    if not tags:
        return {}
    return {**{f"aws:RequestTag/{key}": value for key, value in tags.items()}, "aws:TagKeys": list(tags)}


def _roles(request: object) -> Iterator[str]:
    """Every role that the request hands over, also in definitions within it."""
    if isinstance(request, Mapping):
        for key, value in request.items():
            if key == "RoleArn" and isinstance(value, str):
                yield value
            else:
                yield from _roles(value)
    elif isinstance(request, list):
        for item in request:
            yield from _roles(item)

"""Refuses members of requests that this SageMaker does not obey: whoever uses one would otherwise misread the answer.
tests/unit/test_localcloud_members.py finds those that are neither read nor refused.
"""

from collections.abc import Mapping
from typing import Any

from gridwatch.localcloud.sagemaker.errors import validation_error

UNOBEYED: Mapping[str, Mapping[str, str]] = {
    "CreateTrainingJob": {
        "ServerlessJobConfig": "there are no serverless jobs",
        "ModelPackageConfig": "a job's model is not registered by itself",
    },
    "ListTrainingJobs": {
        "WarmPoolStatusEquals": "there are no warm pools",
        "TrainingPlanArnEquals": "there are no training plans",
    },
    "DescribeModelPackage": {"IncludedData": "all of a package is shown"},
    "UpdateModelPackage": dict.fromkeys(
        (
            "AdditionalInferenceSpecificationsToAdd",
            "InferenceSpecification",
            "ModelCard",
            "ModelLifeCycle",
            "ModelPackageRegistrationType",
            "SourceUri",
        ),
        "a package's model stays as it was registered",
    ),
    "ListModelPackageGroups": {"CrossAccountFilterOption": "there is one account"},
}
# Taken and without effect: docs/localcloud.md says so of the first, and an update that is repeated changes nothing.
NO_EFFECT: Mapping[str, tuple[str, ...]] = {
    "CreateTrainingJob": ("SessionChainingConfig",),
    "UpdateModelPackage": ("ClientToken",),
}
_AS_IT_IS: tuple[Any, ...] = (None, [], {}, "SameAccount", "AllData")


def refuse_unobeyed(operation: str, request: Mapping[str, Any]) -> None:
    """Raise ValidationException for a member that is present and not obeyed."""
    for member, why in UNOBEYED.get(operation, {}).items():
        if request.get(member) not in _AS_IT_IS:
            raise validation_error(f"The local cloud does not obey {member} of {operation}: {why}")

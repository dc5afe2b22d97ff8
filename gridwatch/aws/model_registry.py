"""SageMaker's model registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gridwatch.aws.errors import translated
from gridwatch_rules.failures import PermanentError

_ALREADY = "already exists"  # SageMaker says it by words alone, under ValidationException


class SageMakerRegistry:
    """Implements `gridwatch.reproduce.registering.Registry`."""

    def __init__(self, sagemaker: Any) -> None:
        self._sagemaker = sagemaker

    def ensure_group(self, name: str, description: str, tags: Mapping[str, str]) -> None:
        try:
            with translated():
                self._sagemaker.create_model_package_group(
                    ModelPackageGroupName=name,
                    ModelPackageGroupDescription=description,
                    Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                )
        except PermanentError as error:
            if _ALREADY not in str(error).lower():
                raise

    def find(self, group: str, properties: Mapping[str, str], model_uri: str) -> str | None:
        pages = self._sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending"
        )
        with translated():
            for page in pages:
                for summary in page["ModelPackageSummaryList"]:
                    if self._is(summary["ModelPackageArn"], properties, model_uri):
                        return str(summary["ModelPackageArn"])
        return None

    def _is(self, arn: str, properties: Mapping[str, str], model_uri: str) -> bool:
        package = self._sagemaker.describe_model_package(ModelPackageName=arn)
        told = package.get("CustomerMetadataProperties", {})
        containers = package.get("InferenceSpecification", {}).get("Containers", ())
        same = all(told.get(name) == value for name, value in properties.items())
        return same and any(container.get("ModelDataUrl") == model_uri for container in containers)

    def create(self, request: Mapping[str, Any]) -> str:
        with translated():
            return str(self._sagemaker.create_model_package(**request)["ModelPackageArn"])

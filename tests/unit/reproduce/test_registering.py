"""A trial's model as the model registry takes it: the request against SageMaker's own model, and the embedded one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from gridwatch.aws.model_registry import SageMakerRegistry
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.trials import TrialRecord
from gridwatch.localcloud.sagemaker.errors import ServiceError
from gridwatch.localcloud.sagemaker.validation import validate
from gridwatch.reproduce.registering import (
    CannotRegisterError,
    RegistrationOptions,
    group_name,
    identity_of,
    package_request,
    register,
)
from tests.unit.functions.world import World, example

METRICS = "s3://artifacts-bucket/models/job/metrics.json"
XGBOOST = {"AlgorithmSpecification": {"TrainingImage": "1.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:3.2-0"}}


def trained() -> tuple[ExperimentRecord, TrialRecord]:
    world = World()
    world.submit(example())
    world.start()
    record = world.store.get_experiment("blobs")
    assert record is not None
    trial = world.store.list_trials("blobs")[0]
    metrics = {f"metric:{index}": index / 7 for index in range(60)}
    return record, replace(trial, model_uri="s3://artifacts-bucket/models/job/model.tar.gz", final_metrics=metrics)


def request_of(record: ExperimentRecord, trial: TrialRecord, **options: Any) -> dict[str, Any]:
    return package_request(
        record,
        trial,
        RegistrationOptions(**options),
        group="gridwatch-blobs",
        metrics_uri=METRICS,
        fingerprint="fingerprints/blobs/1.json",
    )


def test_the_request_is_one_by_sagemakers_model() -> None:
    request = request_of(*trained())
    model = botocore.session.get_session().get_service_model("sagemaker")
    report = ParamValidator().validate(request, model.operation_model("CreateModelPackage").input_shape)
    assert not report.has_errors(), report.generate_report()
    validate("sagemaker", "CreateModelPackage", request)  # patterns and lengths too


def test_the_lineage_comes_before_what_there_is_no_room_for() -> None:
    record, trial = trained()
    properties = request_of(record, trial)["CustomerMetadataProperties"]
    assert len(properties) == 50
    lineage = ("experiment", "trial", "job", "spec", "spec_version", "fingerprint")
    assert [properties[f"gridwatch.{name}"] for name in lineage] == [
        "blobs", trial.trial_id, trial.job_name, record.spec_key, record.spec_version, "fingerprints/blobs/1.json",
    ]  # fmt: skip


def test_what_properties_do_not_take_is_replaced() -> None:
    record, trial = trained()
    request = request_of(record, replace(trial, final_metrics={}, hyperparameters={"tree(s)": "a;b" * 200}))
    assert request["CustomerMetadataProperties"]["hyperparameter.tree_s_"] == ("a_b" * 200)[:256]
    validate("sagemaker", "CreateModelPackage", request)


def test_an_image_that_only_trains_is_not_registered_to_serve() -> None:
    record, trial = trained()
    image = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training:2.9-cpu-py312"
    record = replace(record, template={"AlgorithmSpecification": {"TrainingImage": image}})
    with pytest.raises(CannotRegisterError, match="--image"):
        request_of(record, trial)
    serving = image.replace("training", "inference")
    (container,) = request_of(record, trial, image=serving)["InferenceSpecification"]["Containers"]
    assert container["Image"] == serving


def test_a_trial_without_a_model_is_told() -> None:
    record, trial = trained()
    with pytest.raises(CannotRegisterError, match="has no model: it is running"):
        request_of(record, replace(trial, model_uri=None))


@pytest.mark.parametrize("experiment", ["blobs", "a" * 64])
def test_group_names_fit_and_differ(experiment: str) -> None:
    name = group_name("gridwatch", experiment)
    validate("sagemaker", "CreateModelPackageGroup", {"ModelPackageGroupName": name})
    assert name != group_name("gridwatch", f"{experiment[:-1]}b")


class Embedded:
    """The SageMaker client's calls, answered by the embedded registry."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry

    def _call(self, operation: str, method: Any, request: dict[str, Any]) -> Any:
        try:
            validate("sagemaker", operation, request)
            return method(request)
        except ServiceError as error:
            raise ClientError({"Error": {"Code": error.code, "Message": error.message}}, operation) from error

    def create_model_package_group(self, **request: Any) -> Any:
        return self._call("CreateModelPackageGroup", self._registry.create_group, request)

    def create_model_package(self, **request: Any) -> Any:
        return self._call("CreateModelPackage", self._registry.create, request)

    def describe_model_package(self, **request: Any) -> Any:
        return self._call("DescribeModelPackage", self._registry.describe, request)

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **request: Any) -> Any:
        yield self._call("ListModelPackages", self._registry.list, request)


def embedded() -> Any:
    from types import SimpleNamespace

    from gridwatch.localcloud.sagemaker.model_registry import ModelRegistry

    platform: Any = SimpleNamespace(arn=lambda resource: f"arn:aws:sagemaker:eu-west-1:123456789012:{resource}")
    return ModelRegistry(platform)


def test_registering_again_finds_the_package() -> None:
    record, trial = trained()
    registry = SageMakerRegistry(Embedded(embedded()))
    first = register(record, trial, request_of(record, trial), registry)
    assert first.arn.endswith(":model-package/gridwatch-blobs/1")
    again = register(record, trial, request_of(record, trial), registry)
    assert (again.arn, first.is_new, again.is_new) == (first.arn, True, False)
    # Another model of the same trial is another version.
    other = replace(trial, model_uri="s3://artifacts-bucket/models/other/model.tar.gz")
    assert register(record, other, request_of(record, other), registry).arn.endswith("/2")
    assert registry.find("gridwatch-blobs", identity_of(trial), str(trial.model_uri)) == first.arn


def test_the_embedded_registry_refuses_as_sagemaker_does() -> None:
    registry = embedded()
    request = {"ModelPackageGroupName": "models"}
    registry.create_group(request)
    with pytest.raises(ServiceError, match="Model Package Group already exists: arn:aws:sagemaker"):
        registry.create_group(request)
    with pytest.raises(ServiceError, match="does not exist"):
        registry.create({"ModelPackageGroupName": "others"})
    with pytest.raises(ServiceError, match="failed to satisfy constraint"):
        validate("sagemaker", "CreateModelPackageGroup", {"ModelPackageGroupName": "under_score"})
    arn = registry.create({**request, "ClientToken": "a"})["ModelPackageArn"]
    assert registry.create({**request, "ClientToken": "a"})["ModelPackageArn"] == arn
    with pytest.raises(ServiceError, match="has model packages"):
        registry.delete_group(request)
    registry.delete({"ModelPackageName": arn})
    registry.delete_group(request)

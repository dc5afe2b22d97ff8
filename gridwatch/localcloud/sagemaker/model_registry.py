"""The model registry: groups of model packages, and the packages as their versions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gridwatch.localcloud import clock
from gridwatch.localcloud.sagemaker.entities import Entity, EntityStore
from gridwatch.localcloud.sagemaker.errors import ServiceError, validation_error
from gridwatch.localcloud.sagemaker.paging import ordered, page
from gridwatch.localcloud.sagemaker.platform import Platform

Request = Mapping[str, Any]
_KEPT_TOKENS = 10_000


class ModelRegistry:
    """Model package groups and versioned packages of one account and region. Callers hold the service's lock."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.groups = EntityStore("ModelPackageGroup")
        self.packages = EntityStore("ModelPackage")  # by ARN
        self._versions: dict[str, int] = {}
        self._tokens: dict[str, tuple[Request, str]] = {}

    def state(self) -> dict[str, Any]:
        return {
            "groups": self.groups.all(),
            "packages": self.packages.all(),
            "versions": dict(self._versions),
            "tokens": dict(self._tokens),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        for store, kept in ((self.groups, state["groups"]), (self.packages, state["packages"])):
            for entity in kept:
                store.put(entity)
        self._versions.update(state["versions"])
        self._tokens.update(state["tokens"])

    def create_group(self, request: Request) -> dict[str, Any]:
        name = request["ModelPackageGroupName"]
        known = self.groups.find(name)
        if known is not None:
            raise validation_error(f"Model Package Group already exists: {known.arn}")
        now = clock.now()
        members = {k: v for k, v in request.items() if k not in ("Tags", "ModelPackageGroupName")}
        tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        arn = self._platform.arn(f"model-package-group/{name.lower()}")
        self.groups.add(Entity(name, arn, now, now, members, tags))
        return {"ModelPackageGroupArn": arn}

    def describe_group(self, request: Request) -> dict[str, Any]:
        group = self._group(request["ModelPackageGroupName"])
        return {
            "ModelPackageGroupName": group.name,
            "ModelPackageGroupArn": group.arn,
            "CreationTime": group.created,
            "CreatedBy": {},
            "ModelPackageGroupStatus": "Completed",
            **group.members,
        }

    def list_groups(self, request: Request) -> dict[str, Any]:
        shown = [self.describe_group({"ModelPackageGroupName": group.name}) for group in self.groups.all()]
        wanted = [each for each in shown if _is_listed(each, "ModelPackageGroupName", request)]
        key = "ModelPackageGroupName" if request.get("SortBy") == "Name" else "CreationTime"
        down = request.get("SortOrder", "Descending") == "Descending"
        found, token = page(ordered(wanted, lambda each: each[key], down), request, default=10)
        names = ("ModelPackageGroupName", "ModelPackageGroupArn", "ModelPackageGroupDescription", "CreationTime",
                 "ModelPackageGroupStatus")  # fmt: skip
        return {"ModelPackageGroupSummaryList": [{k: each[k] for k in names if k in each} for each in found], **token}

    def delete_group(self, request: Request) -> dict[str, Any]:
        group = self._group(request["ModelPackageGroupName"])
        if any(package.members["ModelPackageGroupName"] == group.name for package in self.packages.all()):
            raise ServiceError("ConflictException", f"Model Package Group {group.arn} has model packages in it.")
        self.groups.remove(group.name)
        return {}

    def create(self, request: Request) -> dict[str, Any]:
        """The next version of a group. The same token with the same request is the same package."""
        if "ModelPackageGroupName" not in request or "ModelPackageName" in request:
            raise validation_error("The local cloud has versioned model packages only: name a ModelPackageGroupName")
        if request.get("Tags"):
            raise validation_error("Tags cannot be added to a model package version. Add them to its group.")
        token = request.get("ClientToken")
        if token in self._tokens:
            former, arn = self._tokens[token]
            if former != request:
                raise validation_error("The ClientToken was used with another request.")
            return {"ModelPackageArn": arn}
        group = self._group(request["ModelPackageGroupName"].rpartition("/")[2])
        version = self._versions.get(group.name, 0) + 1
        self._versions[group.name] = version
        now = clock.now()
        members = {key: value for key, value in request.items() if key != "ClientToken"}
        members |= {"ModelPackageGroupName": group.name, "ModelPackageVersion": version}
        arn = self._platform.arn(f"model-package/{group.name.lower()}/{version}")
        self.packages.add(Entity(arn, arn, now, now, members))
        if token is not None and len(self._tokens) < _KEPT_TOKENS:
            self._tokens[token] = (dict(request), arn)
        return {"ModelPackageArn": arn}

    def describe(self, request: Request) -> dict[str, Any]:
        package = self._package(request["ModelPackageName"])
        defaults = {"ModelApprovalStatus": "PendingManualApproval"}
        return {
            "ModelPackageName": package.members["ModelPackageGroupName"],
            "ModelPackageArn": package.arn,
            "CreationTime": package.created,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            **defaults,
            **package.members,
        }

    def list(self, request: Request) -> dict[str, Any]:
        group = request.get("ModelPackageGroupName")
        if group is not None:
            group = self._group(group.rpartition("/")[2]).name
        every = (self.describe({"ModelPackageName": package.arn}) for package in self.packages.all())
        status, kind = request.get("ModelApprovalStatus"), request.get("ModelPackageType")
        shown = [
            each
            for each in every
            if group in (None, each["ModelPackageGroupName"])
            and status in (None, each["ModelApprovalStatus"])
            and kind != "Unversioned"  # there are none
            and _is_listed(each, "ModelPackageName", request)
        ]
        down = request.get("SortOrder", "Descending") == "Descending"
        key = "ModelPackageName" if request.get("SortBy") == "Name" else "CreationTime"
        # Of one second, by their versions.
        found, token = page(
            ordered(shown, lambda each: (each[key], each["ModelPackageVersion"]), down), request, default=10
        )
        names = ("ModelPackageName", "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn",
                 "ModelPackageDescription", "CreationTime", "ModelPackageStatus", "ModelApprovalStatus")  # fmt: skip
        return {"ModelPackageSummaryList": [{k: each[k] for k in names if k in each} for each in found], **token}

    def update(self, request: Request) -> dict[str, Any]:
        """Approve or reject it, and change its properties."""
        package = self._package(request["ModelPackageArn"])
        members = dict(package.members)
        removed = request.get("CustomerMetadataPropertiesToRemove", ())
        properties = {**members.get("CustomerMetadataProperties", {}), **request.get("CustomerMetadataProperties", {})}
        members["CustomerMetadataProperties"] = {k: v for k, v in properties.items() if k not in removed}
        members |= {k: request[k] for k in ("ModelApprovalStatus", "ApprovalDescription") if k in request}
        self.packages.put(replace(package, members=members, modified=clock.now()))
        return {"ModelPackageArn": package.arn}

    def delete(self, request: Request) -> dict[str, Any]:
        self.packages.remove(self._package(request["ModelPackageName"]).name)
        return {}

    def _group(self, name: str) -> Entity:
        found = self.groups.find(name)
        if found is None:  # SageMaker models no ResourceNotFound for these
            raise validation_error(f"Model Package Group {name} does not exist.")
        return found

    def _package(self, arn: str) -> Entity:
        found = self.packages.find(arn)
        if found is None:
            raise validation_error(f"ModelPackage {arn} does not exist.")
        return found


def _is_listed(shown: Mapping[str, Any], name: str, request: Request) -> bool:
    """Whether a package is listed: by the request's part of a name and times of creation."""
    begin, end = request.get("CreationTimeAfter", 0), request.get("CreationTimeBefore", shown["CreationTime"])
    return request.get("NameContains", "") in shown[name] and bool(begin <= shown["CreationTime"] <= end)

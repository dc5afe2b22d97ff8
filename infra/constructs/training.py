"""What training jobs get: the role that SageMaker assumes for them, and the source of the XGBoost script."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from infra.constructs import permissions
from infra.constructs.storage import Storage


class MissingSourceError(Exception):
    """The training source was not packed; the message says how to pack it."""


class Training(Construct):
    """`source`: the archive that script mode unpacks. `role`: reads data and source, writes tensors and models."""

    def __init__(self, scope: Construct, name: str, *, storage: Storage, key: kms.IKey | None, archive: Path) -> None:
        super().__init__(scope, name)
        if not archive.is_file():
            raise MissingSourceError(f"{archive} is missing: run `make layers`")
        self.source = s3_assets.Asset(
            self,
            "XgboostSource",
            path=str(archive),
            asset_hash=content_digest(archive),
            asset_hash_type=cdk.AssetHashType.CUSTOM,
        )
        self.role = iam.Role(
            self,
            "JobRole",
            description="Assumed by SageMaker for the training jobs that Gridwatch starts",
            assumed_by=iam.ServicePrincipal(
                "sagemaker.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}}
            ),
        )
        statements = [*self._storage(storage), *_service()]
        if key:
            statements.append(permissions.use_key(key))
        for statement in statements:
            self.role.add_to_policy(statement)

    def _storage(self, storage: Storage) -> list[iam.PolicyStatement]:
        source = s3.Bucket.from_bucket_name(self, "SourceBucket", self.source.s3_bucket_name)
        named = [
            statement
            for bucket in storage.data
            for statement in (permissions.read_objects(bucket, ""), permissions.list_objects(bucket))
        ]
        return [
            permissions.read_objects(storage.experiments, "data/"),
            permissions.list_objects(storage.experiments, "data/"),
            permissions.allow(["s3:GetObject"], [source.arn_for_objects(self.source.s3_object_key)]),
            permissions.write_objects(storage.artifacts, "tensors/", "models/"),
            *named,
        ]


def content_digest(archive: Path) -> str:
    """Of the tar, not of its compression, which zlib versions do differently: it is part of every trial's identity."""
    return hashlib.sha256(gzip.decompress(archive.read_bytes())).hexdigest()


def _service() -> list[iam.PolicyStatement]:
    """What SageMaker does in the role's name: pull the image, write the log and the metrics that it reads from it."""
    region = f"{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}"
    log_group = f"arn:{cdk.Aws.PARTITION}:logs:{region}:log-group:/aws/sagemaker/TrainingJobs"
    repositories = [
        # AWS's own images lie in accounts that differ by region.
        f"arn:{cdk.Aws.PARTITION}:ecr:{cdk.Aws.REGION}:*:repository/sagemaker-xgboost",
        f"arn:{cdk.Aws.PARTITION}:ecr:{region}:repository/*",
    ]
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return [
        permissions.allow(
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            [log_group, f"{log_group}:*"],
        ),
        permissions.allow(
            ["cloudwatch:PutMetricData"],
            ["*"],  # the action knows no resources; the namespace confines it
            conditions={"StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "aws/sagemaker/*"]}},
        ),
        permissions.allow(pull, repositories),
        permissions.allow(["ecr:GetAuthorizationToken"], ["*"]),  # the action knows no resources
    ]

"""The two buckets: one for what people upload (specs, data), one for what Gridwatch and its jobs write (tensors,
models, tables).
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.settings import DeploymentSettings


class Storage(Construct):
    """The buckets `experiments` and `artifacts`, laid out as in docs/architecture.md. An existing bucket is left
    unchanged.
    """

    def __init__(self, scope: Construct, name: str, *, settings: DeploymentSettings, key: kms.IKey | None) -> None:
        super().__init__(scope, name)
        self._settings = settings
        self._key = key
        self.experiments = self._bucket("Experiments", settings.experiments_bucket_arn, ())
        self.artifacts = self._bucket("Artifacts", settings.artifacts_bucket_arn, self._artifact_lifecycle())
        self.data = [
            s3.Bucket.from_bucket_arn(self, f"Data{number}", arn)
            for number, arn in enumerate(settings.data_bucket_arns)
        ]
        self.tensors = [
            s3.Bucket.from_bucket_arn(self, f"Tensors{number}", arn)
            for number, arn in enumerate(settings.tensor_bucket_arns)
        ]

    def _bucket(self, name: str, existing_arn: str, lifecycle: tuple[s3.LifecycleRule, ...]) -> s3.IBucket:
        if existing_arn:
            return s3.Bucket.from_bucket_arn(self, name, existing_arn)
        bucket = s3.Bucket(
            self,
            name,
            bucket_name=f"{self._settings.name_prefix}-{name.lower()}-{cdk.Aws.ACCOUNT_ID}-{cdk.Aws.REGION}",
            encryption=s3.BucketEncryption.KMS if self._key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=self._key,
            bucket_key_enabled=self._key is not None,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="unfinished-uploads-and-old-versions",
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(7),
                    noncurrent_version_expiration=cdk.Duration.days(90),
                ),
                *lifecycle,
            ],
            removal_policy=cdk.RemovalPolicy.RETAIN if self._settings.keeps_data else cdk.RemovalPolicy.DESTROY,
        )
        _send_events(bucket)
        return bucket

    def _artifact_lifecycle(self) -> tuple[s3.LifecycleRule, ...]:
        # Tensors and saved states are large and soon useless, because findings keep the values that caused them.
        def expire(prefix: str, days: int) -> s3.LifecycleRule:
            return s3.LifecycleRule(
                id=f"expire-{prefix.rstrip('/')}",
                prefix=prefix,
                expiration=cdk.Duration.days(days),
                noncurrent_version_expiration=cdk.Duration.days(1),
            )

        def forget_replaced(prefix: str) -> s3.LifecycleRule:
            return s3.LifecycleRule(
                id=f"replaced-{prefix.rstrip('/')}",
                prefix=prefix,
                noncurrent_version_expiration=cdk.Duration.days(7),
            )

        days = self._settings.tensor_retention_days
        return (
            *(expire("tensors/", days), expire("rule-state/", days), expire("athena/", 7)),
            # Every snapshot replaces these tables whole, many times a day; the history keeps one state of each day.
            *(forget_replaced("tables/"), forget_replaced("components/")),
        )


def _send_events(bucket: s3.Bucket) -> None:
    """Turn EventBridge on by the bucket's own property. The L2 construct's flag would add a custom resource with a
    Lambda.
    """
    resource = bucket.node.default_child
    if not isinstance(resource, s3.CfnBucket):
        raise TypeError(f"{bucket.node.path} has no CloudFormation bucket")
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
    )

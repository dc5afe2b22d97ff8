"""What Gridwatch remembers: the state table, and the idempotency records of its functions."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.settings import DeploymentSettings

STATE_EXPIRY = "expires_at"
IDEMPOTENCY_EXPIRY = "expiration"  # as Powertools names it


class State(Construct):
    """Two on-demand tables with point-in-time recovery."""

    def __init__(self, scope: Construct, name: str, *, settings: DeploymentSettings, key: kms.IKey | None) -> None:
        super().__init__(scope, name)
        self._settings = settings
        self._key = key
        self.table = self._table("Table", "state", partition="pk", sort="sk", expiry=STATE_EXPIRY)
        self.table.add_global_secondary_index(
            index_name="gsi1",
            partition_key=_text("gsi1pk"),
            sort_key=_text("gsi1sk"),
            projection_type=dynamodb.ProjectionType.ALL,
        )
        # DynamoDB makes one index in an update: a further one comes with a further version.
        self.table.add_global_secondary_index(
            index_name="gsi2",
            partition_key=_text("gsi2pk"),
            sort_key=_text("gsi2sk"),
            projection_type=dynamodb.ProjectionType.ALL,
        )
        self.idempotency = self._table(
            "Idempotency", "idempotency", partition="id", sort=None, expiry=IDEMPOTENCY_EXPIRY
        )

    def _table(self, construct: str, purpose: str, *, partition: str, sort: str | None, expiry: str) -> dynamodb.Table:
        keeps = self._settings.keeps_data
        return dynamodb.Table(
            self,
            construct,
            table_name=f"{self._settings.name_prefix}-{purpose}",
            partition_key=_text(partition),
            sort_key=_text(sort) if sort else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            # DynamoDB always encrypts; with the deployment's key, whoever may not use the key may not read the table.
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED if self._key else dynamodb.TableEncryption.AWS_MANAGED,
            encryption_key=self._key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute=expiry,
            deletion_protection=keeps,
            removal_policy=cdk.RemovalPolicy.RETAIN if keeps else cdk.RemovalPolicy.DESTROY,
        )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)

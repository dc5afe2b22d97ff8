"""AWS Batch as the launch target: an environment with the instances it may use, a queue, and how teams share it."""

from __future__ import annotations

import re

from aws_cdk import aws_batch as batch
from constructs import Construct

from infra.settings import DeploymentSettings

# A share's use is remembered for so long: who has just used much waits for who has not.
_MEMORY_SECONDS = 3600


class LaunchQueue(Construct):
    """`arn` is the job queue's."""

    def __init__(self, scope: Construct, name: str, *, settings: DeploymentSettings) -> None:
        super().__init__(scope, name)
        environment = batch.CfnServiceEnvironment(
            self,
            "Environment",
            service_environment_name=settings.name_prefix,
            service_environment_type="SAGEMAKER_TRAINING",
            capacity_limits=[
                batch.CfnServiceEnvironment.CapacityLimitProperty(
                    capacity_unit="NUM_INSTANCES", max_capacity=settings.batch_max_instances
                )
            ],
        )
        policy = batch.CfnSchedulingPolicy(
            self,
            "Policy",
            name=settings.name_prefix,
            fairshare_policy=batch.CfnSchedulingPolicy.FairsharePolicyProperty(
                share_decay_seconds=_MEMORY_SECONDS, share_distribution=_shares(settings)
            ),
        )
        queue = batch.CfnJobQueue(
            self,
            "Queue",
            job_queue_name=settings.name_prefix,
            job_queue_type="SAGEMAKER_TRAINING",
            priority=1,
            scheduling_policy_arn=policy.attr_arn,
            service_environment_order=[
                batch.CfnJobQueue.ServiceEnvironmentOrderProperty(
                    order=1, service_environment=environment.attr_service_environment_arn
                )
            ],
        )
        self.arn = queue.attr_job_queue_arn


def _shares(settings: DeploymentSettings) -> list[batch.CfnSchedulingPolicy.ShareAttributesProperty] | None:
    """Batch's weight factor is the other way round: the smaller, the more. A team that is not named has 1."""
    return [
        batch.CfnSchedulingPolicy.ShareAttributesProperty(
            # As gridwatch.aws.batch_training spells a team for Batch.
            share_identifier=re.sub(r"[^A-Za-z0-9]", "", team)[:255],
            weight_factor=round(1 / weight, 4),
        )
        for team, weight in settings.team_weights.items()
    ] or None

"""AWS Batch as the launch target: an environment with its instances, a queue, and a policy for how teams share it."""

from __future__ import annotations

import re

from aws_cdk import aws_batch as batch
from constructs import Construct

from infra.settings import DeploymentSettings

# Batch remembers a team's use for this long: a team that has just used much waits for one that has not.
_MEMORY_SECONDS = 3600


class LaunchQueue(Construct):
    """The job queue and its environment. `arn` is the job queue's."""

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
    """The teams' weights as Batch's weight factors, where a smaller factor means a larger share. A team that is not
    named has the factor 1.
    """
    return [
        batch.CfnSchedulingPolicy.ShareAttributesProperty(
            # This is how gridwatch.aws.batch_training spells a team for Batch.
            share_identifier=re.sub(r"[^A-Za-z0-9]", "", team)[:255],
            weight_factor=round(1 / weight, 4),
        )
        for team, weight in settings.team_weights.items()
    ] or None

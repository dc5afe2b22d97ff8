"""Policy statements, each as narrow as the service lets it be. Functions' roles are put together from these alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

# By it the owner of a training job that Gridwatch did not launch asks for rules.
WATCH_TAG = "gridwatch:watch"

# Single records and one area of them, transactions of puts included; no scan, no deletion of what was recorded.
TABLE_ACTIONS = ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query")
# What Powertools' idempotency layer calls.
IDEMPOTENCY_ACTIONS = ("dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")


def allow(
    actions: Sequence[str], resources: Sequence[str], *, conditions: Mapping[str, object] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=conditions)


def read_objects(bucket: s3.IBucket, *prefixes: str, versions: bool = False) -> iam.PolicyStatement:
    actions = ["s3:GetObject", "s3:GetObjectVersion"] if versions else ["s3:GetObject"]
    return allow(actions, [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes])


def write_objects(bucket: s3.IBucket, *prefixes: str) -> iam.PolicyStatement:
    return allow(["s3:PutObject"], [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes])


def delete_objects(bucket: s3.IBucket, prefix: str) -> iam.PolicyStatement:
    """Deleting below `prefix`; the buckets are versioned, so what was there can be brought back."""
    return allow(["s3:DeleteObject"], [bucket.arn_for_objects(f"{prefix}*")])


def list_objects(bucket: s3.IBucket, *prefixes: str) -> iam.PolicyStatement:
    """Listing below `prefixes`; without any, the whole bucket."""
    below = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}} if prefixes else None
    return allow(["s3:ListBucket"], [bucket.bucket_arn], conditions=below)


def use_state(table: dynamodb.Table) -> list[iam.PolicyStatement]:
    """Of the indexes, queries alone: items are read and written by the table's own keys."""
    indexes = [f"{table.table_arn}/index/{name}" for name in ("gsi1", "gsi2")]
    return [allow(TABLE_ACTIONS, [table.table_arn]), allow(["dynamodb:Query"], indexes)]


def close_items(table: dynamodb.Table) -> iam.PolicyStatement:
    """Taking items out of the index of what is open; an update, but of nothing else's keys."""
    return allow(["dynamodb:UpdateItem"], [table.table_arn])


def use_idempotency(table: dynamodb.Table) -> iam.PolicyStatement:
    return allow(IDEMPOTENCY_ACTIONS, [table.table_arn])


def send(*queues: sqs.Queue) -> iam.PolicyStatement:
    return allow(["sqs:SendMessage"], [queue.queue_arn for queue in queues])


def publish(*topics: sns.ITopic) -> iam.PolicyStatement:
    return allow(["sns:Publish"], [topic.topic_arn for topic in topics])


def read_secrets(arns: Sequence[str]) -> list[iam.PolicyStatement]:
    """Reading these secrets, whichever key they are encrypted with: a key decrypts for this role what is in them alone.

    Source: Secrets Manager user guide, "Secret encryption and decryption" (encryption context).
    """
    keys = f"arn:{cdk.Aws.PARTITION}:kms:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:key/*"
    of_these = {"StringEquals": {"kms:EncryptionContext:SecretARN": list(arns)}}
    return [allow(["secretsmanager:GetSecretValue"], arns), allow(["kms:Decrypt"], [keys], conditions=of_these)]


def invoke(function: lambda_.IFunction) -> iam.PolicyStatement:
    return allow(["lambda:InvokeFunction"], [function.function_arn])


def put_own_events(bus_arn: str) -> iam.PolicyStatement:
    """Only events that name Gridwatch as their source."""
    return allow(["events:PutEvents"], [bus_arn], conditions={"StringEquals": {"events:source": "gridwatch"}})


def training_jobs(actions: Sequence[str], name_prefix: str, *, by_batch: bool) -> iam.PolicyStatement:
    """Actions on the training jobs whose names carry the deployment's prefix; Batch puts a word of its own before it.

    SageMaker writes names in ARNs in small letters in places, so both spellings are meant.
    """
    names = [f"{name_prefix}-*", *([f"AWSBatch{name_prefix}-*", f"awsbatch{name_prefix}-*"] if by_batch else [])]
    return allow(actions, [sagemaker_arn("training-job", name) for name in names])


def tuning_jobs(actions: Sequence[str], name_prefix: str) -> iam.PolicyStatement:
    """Actions on the tuning jobs whose names carry the deployment's prefix."""
    return allow(actions, [sagemaker_arn("hyper-parameter-tuning-job", f"{name_prefix}-*")])


def look_into_queue() -> list[iam.PolicyStatement]:
    """Reading service jobs, which have no names before they are submitted; listing knows no resources."""
    return [
        allow(["batch:DescribeServiceJob", "batch:ListTagsForResource"], [_service_jobs()]),
        allow(["batch:ListServiceJobs"], ["*"]),
    ]


def submit_to(queue_arn: str) -> iam.PolicyStatement:
    return allow(["batch:SubmitServiceJob", "batch:TagResource"], [queue_arn, _service_jobs()])


def end_service_jobs(name_prefix: str) -> iam.PolicyStatement:
    """Of this deployment alone, by the tag that they are submitted with."""
    ours = {"StringEquals": {"aws:ResourceTag/gridwatch:prefix": name_prefix}}
    return allow(["batch:TerminateServiceJob"], [_service_jobs()], conditions=ours)


def _service_jobs() -> str:
    return f"arn:{cdk.Aws.PARTITION}:batch:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:service-job/*"


def watched_jobs(actions: Sequence[str]) -> iam.PolicyStatement:
    """Actions on training jobs of any name whose owners let Gridwatch in by the tag, for as long as they carry it."""
    carried = {"Null": {f"aws:ResourceTag/{WATCH_TAG}": "false"}}
    return allow(actions, [sagemaker_arn("training-job", "*")], conditions=carried)


def read_training_logs() -> iam.PolicyStatement:
    """Reading the logs of training jobs. Watched jobs bear any name, so no prefix narrows it."""
    group = f"arn:{cdk.Aws.PARTITION}:logs:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:log-group:/aws/sagemaker/TrainingJobs"
    return allow(["logs:DescribeLogStreams", "logs:GetLogEvents"], [f"{group}:*"])


def experiments(name_prefix: str) -> list[iam.PolicyStatement]:
    """Creating the SageMaker experiments and trials of this deployment, and seeing in which experiment a trial is."""
    experiment, trial = (sagemaker_arn(kind, f"{name_prefix}-*") for kind in ("experiment", "experiment-trial"))
    return [
        allow(["sagemaker:CreateExperiment"], [experiment]),
        allow(["sagemaker:CreateTrial"], [experiment, trial]),
        allow(["sagemaker:DescribeTrial"], [trial]),
        allow(["sagemaker:CreateTrialComponent"], [sagemaker_arn("experiment-trial-component", f"{name_prefix}-*")]),
    ]


def link_components(name_prefix: str) -> iam.PolicyStatement:
    """Putting components into this deployment's trials: its own, and those of processing jobs, whoever ran them."""
    own, processing = (
        sagemaker_arn("experiment-trial-component", name) for name in (f"{name_prefix}-*", "*-aws-processing-job")
    )
    return allow(
        ["sagemaker:AssociateTrialComponent"], [sagemaker_arn("experiment-trial", f"{name_prefix}-*"), own, processing]
    )


def tag_trials(name_prefix: str) -> iam.PolicyStatement:
    return allow(["sagemaker:AddTags"], [sagemaker_arn("experiment-trial", f"{name_prefix}-*")])


def pass_to_sagemaker(*roles: str) -> iam.PolicyStatement:
    return allow(
        ["iam:PassRole"],
        roles,
        conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )


def use_key(key: kms.IKey, *, only_to_read: bool = False) -> iam.PolicyStatement:
    if only_to_read:
        return allow(["kms:Decrypt"], [key.key_arn])
    return allow(["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"], [key.key_arn])


def use_network(name_prefix: str) -> list[iam.PolicyStatement]:
    """Lambda makes a function's network interfaces in the name of its role, which its code must not be able to do.

    Source: AWS Lambda developer guide, "Giving Lambda functions access to resources in an Amazon VPC".
    """
    actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    ]
    functions = f"arn:{cdk.Aws.PARTITION}:lambda:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:function:{name_prefix}-*"
    by_code = {"ArnLike": {"lambda:SourceFunctionArn": functions}}
    return [
        allow(actions, ["*"]),  # interfaces have no names before they are made
        iam.PolicyStatement(effect=iam.Effect.DENY, actions=actions, resources=["*"], conditions=by_code),
    ]


def endpoint_service(service: str) -> str:
    return f"com.amazonaws.{cdk.Aws.REGION}.{service}"


def sagemaker_arn(resource: str, name: str) -> str:
    return f"arn:{cdk.Aws.PARTITION}:sagemaker:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:{resource}/{name}"

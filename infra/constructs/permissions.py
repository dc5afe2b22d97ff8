"""Policy statements, each as narrow as the service allows. The roles of functions consist of these alone."""

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

# With this tag the owner of a training job that Gridwatch did not launch asks for rules.
WATCH_TAG = "gridwatch:watch"

# Access to single records and to one partition, with transactions of puts; no scan, and no deletion of records.
TABLE_ACTIONS = ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query")
# The actions that Powertools' idempotency layer calls.
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
    """Allow deleting objects below `prefix`. The buckets are versioned, so deleted objects can be restored."""
    return allow(["s3:DeleteObject"], [bucket.arn_for_objects(f"{prefix}*")])


def list_objects(bucket: s3.IBucket, *prefixes: str) -> iam.PolicyStatement:
    """Allow listing below `prefixes`, or without any, the whole bucket."""
    below = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}} if prefixes else None
    return allow(["s3:ListBucket"], [bucket.bucket_arn], conditions=below)


def use_state(table: dynamodb.Table) -> list[iam.PolicyStatement]:
    """Allow reading and writing items by the table's own keys, and querying its indexes."""
    indexes = [f"{table.table_arn}/index/{name}" for name in ("gsi1", "gsi2")]
    return [allow(TABLE_ACTIONS, [table.table_arn]), allow(["dynamodb:Query"], indexes)]


def close_items(table: dynamodb.Table) -> iam.PolicyStatement:
    """Allow updating an item by its key, which takes a closed record out of the index of open ones."""
    return allow(["dynamodb:UpdateItem"], [table.table_arn])


def use_idempotency(table: dynamodb.Table) -> iam.PolicyStatement:
    return allow(IDEMPOTENCY_ACTIONS, [table.table_arn])


def send(*queues: sqs.Queue) -> iam.PolicyStatement:
    return allow(["sqs:SendMessage"], [queue.queue_arn for queue in queues])


def publish(*topics: sns.ITopic) -> iam.PolicyStatement:
    return allow(["sns:Publish"], [topic.topic_arn for topic in topics])


def read_secrets(arns: Sequence[str]) -> list[iam.PolicyStatement]:
    """Allow reading these secrets, whichever key they are encrypted with. This role may use the key only to decrypt
    them.

    Source: Secrets Manager user guide, "Secret encryption and decryption" (encryption context).
    """
    keys = f"arn:{cdk.Aws.PARTITION}:kms:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:key/*"
    of_these = {"StringEquals": {"kms:EncryptionContext:SecretARN": list(arns)}}
    return [allow(["secretsmanager:GetSecretValue"], arns), allow(["kms:Decrypt"], [keys], conditions=of_these)]


def invoke(function: lambda_.IFunction) -> iam.PolicyStatement:
    return allow(["lambda:InvokeFunction"], [function.function_arn])


def put_own_events(bus_arn: str) -> iam.PolicyStatement:
    """Allow putting events that name Gridwatch as their source."""
    return allow(["events:PutEvents"], [bus_arn], conditions={"StringEquals": {"events:source": "gridwatch"}})


def training_jobs(actions: Sequence[str], name_prefix: str, *, by_batch: bool) -> iam.PolicyStatement:
    """Allow actions on the training jobs whose names begin with the deployment's prefix. Batch puts a word of its own
    before it.

    SageMaker writes some names in ARNs in lower case, so both spellings are allowed.
    """
    names = [f"{name_prefix}-*", *([f"AWSBatch{name_prefix}-*", f"awsbatch{name_prefix}-*"] if by_batch else [])]
    return allow(actions, [sagemaker_arn("training-job", name) for name in names])


def tuning_jobs(actions: Sequence[str], name_prefix: str) -> iam.PolicyStatement:
    """Allow actions on the tuning jobs whose names begin with the deployment's prefix."""
    return allow(actions, [sagemaker_arn("hyper-parameter-tuning-job", f"{name_prefix}-*")])


def look_into_queue() -> list[iam.PolicyStatement]:
    """Allow reading service jobs. They have no names before they are submitted, and listing cannot be limited to
    resources.
    """
    return [
        allow(["batch:DescribeServiceJob", "batch:ListTagsForResource"], [_service_jobs()]),
        allow(["batch:ListServiceJobs"], ["*"]),
    ]


def submit_to(queue_arn: str) -> iam.PolicyStatement:
    return allow(["batch:SubmitServiceJob", "batch:TagResource"], [queue_arn, _service_jobs()])


def end_service_jobs(name_prefix: str) -> iam.PolicyStatement:
    """Allow ending service jobs of this deployment, recognized by the tag with which they are submitted."""
    ours = {"StringEquals": {"aws:ResourceTag/gridwatch:prefix": name_prefix}}
    return allow(["batch:TerminateServiceJob"], [_service_jobs()], conditions=ours)


def _service_jobs() -> str:
    return f"arn:{cdk.Aws.PARTITION}:batch:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:service-job/*"


def watched_jobs(actions: Sequence[str]) -> iam.PolicyStatement:
    """Allow actions on training jobs of any name, as long as they carry the tag with which their owners admit
    Gridwatch.
    """
    carried = {"Null": {f"aws:ResourceTag/{WATCH_TAG}": "false"}}
    return allow(actions, [sagemaker_arn("training-job", "*")], conditions=carried)


def read_training_logs() -> iam.PolicyStatement:
    """Allow reading the logs of training jobs. Watched jobs may have any name, so no prefix can narrow this."""
    group = f"arn:{cdk.Aws.PARTITION}:logs:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:log-group:/aws/sagemaker/TrainingJobs"
    return allow(["logs:DescribeLogStreams", "logs:GetLogEvents"], [f"{group}:*"])


def experiments(name_prefix: str) -> list[iam.PolicyStatement]:
    """Allow creating this deployment's SageMaker experiments and trials, and finding the experiment of a trial."""
    experiment, trial = (sagemaker_arn(kind, f"{name_prefix}-*") for kind in ("experiment", "experiment-trial"))
    return [
        allow(["sagemaker:CreateExperiment"], [experiment]),
        allow(["sagemaker:CreateTrial"], [experiment, trial]),
        allow(["sagemaker:DescribeTrial"], [trial]),
        allow(["sagemaker:CreateTrialComponent"], [sagemaker_arn("experiment-trial-component", f"{name_prefix}-*")]),
    ]


def link_components(name_prefix: str) -> iam.PolicyStatement:
    """Allow adding components to this deployment's trials: its own, and those of processing jobs, whoever ran them."""
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
    """Allow Lambda to create network interfaces under a function's role, and deny the same to the function's code.

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
        allow(actions, ["*"]),  # interfaces have no names before they are created
        iam.PolicyStatement(effect=iam.Effect.DENY, actions=actions, resources=["*"], conditions=by_code),
    ]


def endpoint_service(service: str) -> str:
    return f"com.amazonaws.{cdk.Aws.REGION}.{service}"


def sagemaker_arn(resource: str, name: str) -> str:
    return f"arn:{cdk.Aws.PARTITION}:sagemaker:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:{resource}/{name}"

"""The role that SageMaker assumes for training jobs, and the source of the XGBoost script."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from infra.constructs import permissions
from infra.constructs.storage import Storage

# The repositories of AWS's images in which specs may train scripts, and in which Debugger evaluates rules.
REPOSITORIES = (
    "huggingface-pytorch-training",
    "huggingface-tensorflow-training",
    "pytorch-training",
    "sagemaker-debugger-rule-evaluator",
    "sagemaker-debugger-rules",
    "sagemaker-scikit-learn",
    "sagemaker-xgboost",
    "tensorflow-training",
)

# The actions of a training script that writes one run ("Actions, resources, and condition keys for Amazon SageMaker
# with MLflow" of the Service Authorization Reference).
MLFLOW_ACTIONS = (
    "CreateExperiment",
    "CreateRun",
    "FinalizeLoggedModel",
    "GetExperiment",
    "GetExperimentByName",
    "GetLoggedModel",
    "GetMetricHistory",
    "GetRun",
    "ListArtifacts",
    "LogBatch",
    "LogInputs",
    "LogLoggedModelParams",
    "LogMetric",
    "LogModel",
    "LogOutputs",
    "LogParam",
    "SetLoggedModelTags",
    "SetTag",
    "UpdateRun",
)


class MissingSourceError(Exception):
    """The training source was not packed; the message says how to pack it."""


class Training(Construct):
    """The resources for training jobs. `source` is the archive that script mode unpacks, `hook` the one that brings
    the hook into other jobs. `role` reads data, source and hook, and writes tensors and models.

    `allowed` lists the resources that specs may name (see the setting allowed_in_specs); `other_roles` are its roles.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        storage: Storage,
        key: kms.IKey | None,
        archive: Path,
        hook: Path,
        allowed: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, name)
        self.other_roles = [pattern for pattern in allowed if re.match(r"arn:[^:]*:iam::[^:]*:role/", pattern)]
        for packed in (archive, hook):
            if not packed.is_file():
                raise MissingSourceError(f"{packed} is missing: run `make layers`")
        self.source = s3_assets.Asset(
            self,
            "XgboostSource",
            path=str(archive),
            asset_hash=content_digest(archive),
            asset_hash_type=cdk.AssetHashType.CUSTOM,
        )
        manifest = hook_manifest(hook)
        self.hook_version = manifest["version"]
        self.hook = s3_assets.Asset(
            self,
            "Hook",
            path=str(hook),
            asset_hash=manifest["digest"],
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
        statements += _named_in_specs(allowed)
        if key:
            statements.append(permissions.use_key(key))
        for statement in statements:
            self.role.add_to_policy(statement)

    @property
    def hook_arn(self) -> str:
        return f"arn:{cdk.Aws.PARTITION}:s3:::{self.hook.s3_bucket_name}/{self.hook.s3_object_key}"

    def _storage(self, storage: Storage) -> list[iam.PolicyStatement]:
        source = s3.Bucket.from_bucket_name(self, "SourceBucket", self.source.s3_bucket_name)
        named = [
            statement
            for bucket in storage.data
            for statement in (permissions.read_objects(bucket, ""), permissions.list_objects(bucket))
        ]
        return [
            permissions.read_objects(storage.experiments, "data/", "code/sources/"),
            permissions.list_objects(storage.experiments, "data/", "code/sources/"),
            # A job starts from checkpoints of the attempt before it, or from models of earlier trials. Debugger uses
            # this role as well to evaluate its rules, which look at tensors, even those of other trials.
            # The hook is downloaded for them from where launch_grid has put it.
            permissions.read_objects(storage.artifacts, "checkpoints/", "hook/", "models/", "tensors/"),
            permissions.list_objects(storage.artifacts, "checkpoints/", "hook/", "models/", "tensors/"),
            permissions.allow(["s3:GetObject"], [source.arn_for_objects(self.source.s3_object_key)]),
            permissions.write_objects(storage.artifacts, "tensors/", "models/", "checkpoints/"),
            # A restarted job deletes the marker that says its tensors are complete.
            permissions.allow(
                ["s3:DeleteObject"], [storage.artifacts.arn_for_objects("tensors/*/training_job_end.ts")]
            ),
            *named,
        ]


def hook_manifest(archive: Path) -> dict[str, str]:
    """The manifest in the hook's archive: its `version`, and the `digest` of its files, not of their compression."""
    with zipfile.ZipFile(archive) as packed:
        manifest: dict[str, str] = json.loads(packed.read("gridwatch_carrier.json"))
    return manifest


def content_digest(archive: Path) -> str:
    """The digest of the tar's content, without its compression, which differs between zlib versions. It is part of
    every trial's identity.
    """
    return hashlib.sha256(gzip.decompress(archive.read_bytes())).hexdigest()


def _named_in_specs(allowed: Sequence[str]) -> list[iam.PolicyStatement]:
    """Permissions for the keys and networks that specs may name."""
    statements = []
    if keys := [pattern for pattern in allowed if re.match(r"arn:[^:]*:kms:.*:key/", pattern)]:
        actions = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
        statements.append(permissions.allow(actions, keys))
    if any(pattern.startswith("subnet-") for pattern in allowed):
        # SageMaker creates the interfaces under this role; they have no names by which to narrow this.
        here = f"arn:{cdk.Aws.PARTITION}:ec2:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}"
        interfaces = [
            f"ec2:{does}NetworkInterface{what}" for does in ("Create", "Delete") for what in ("", "Permission")
        ]
        kinds = ("network-interface", "security-group", "subnet")
        statements.append(permissions.allow(interfaces, [f"{here}:{kind}/*" for kind in kinds]))
        described = [f"ec2:Describe{what}" for what in ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets",
                                                        "Vpcs")]  # fmt: skip
        statements.append(permissions.allow(described, ["*"]))  # these actions cannot be limited to resources
    return [*statements, *_mlflow(allowed)]


def _mlflow(allowed: Sequence[str]) -> list[iam.PolicyStatement]:
    """Permissions to write runs into the MLflow apps and tracking servers that specs may name, without deleting
    anything and without MLflow's model registry.
    """
    kinds = {"mlflow-app": ["sagemaker:CallMlflowAppApi", "sagemaker:DescribeMlflowApp"],
             "mlflow-tracking-server": ["sagemaker:DescribeMlflowTrackingServer"]}  # fmt: skip
    writes = [f"sagemaker-mlflow:{action}" for action in MLFLOW_ACTIONS]
    return [
        permissions.allow([*actions, *writes], named)
        for kind, actions in kinds.items()
        if (named := [pattern for pattern in allowed if re.match(rf"arn:[^:]*:sagemaker:[^/]*:{kind}/", pattern)])
    ]


def image_repositories() -> list[str]:
    """The repositories from which training images are pulled."""
    return [
        # AWS keeps its own images in accounts that differ by region. SageMaker itself pulls those of built-in
        # algorithms.
        *(f"arn:{cdk.Aws.PARTITION}:ecr:{cdk.Aws.REGION}:*:repository/{name}" for name in REPOSITORIES),
        f"arn:{cdk.Aws.PARTITION}:ecr:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:repository/*",
    ]


def _service() -> list[iam.PolicyStatement]:
    """Permissions that SageMaker needs under the role: pull the image, write the log and the metrics found in it."""
    region = f"{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}"
    logs = f"arn:{cdk.Aws.PARTITION}:logs:{region}:log-group:/aws/sagemaker"
    # Debugger evaluates rules in processing jobs.
    log_groups = [f"{logs}/TrainingJobs", f"{logs}/ProcessingJobs"]
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return [
        permissions.allow(
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            [place for group in log_groups for place in (group, f"{group}:*")],
        ),
        permissions.allow(
            ["cloudwatch:PutMetricData"],
            ["*"],  # the action knows no resources; the namespace confines it
            conditions={"StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "aws/sagemaker/*"]}},
        ),
        permissions.allow(pull, image_repositories()),
        permissions.allow(["ecr:GetAuthorizationToken"], ["*"]),  # the action knows no resources
    ]

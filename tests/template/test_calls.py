"""What the code calls and what the roles allow agree: nothing called is refused, nothing allowed is out of reach."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from tests.template.conftest import OPTIONAL_PARTS, Synthesize
from tests.template.synthesized import Synthesized
from tests.template.test_permissions import FAILS_TO_QUEUE, IDEMPOTENCY, LAMBDA, READS_QUEUE, actions_of

ROOT = Path(__file__).resolve().parents[2]
PATHS = (ROOT, ROOT / "rules")
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
SERVICES = (
    "batch",
    "dynamodb",
    "ecr",
    "events",
    "lambda",
    "logs",
    "s3",
    "sagemaker",
    "secretsmanager",
    "service-quotas",
    "sns",
    "sqs",
)
# Operations whose permission has another name (service authorization reference), or more than one.
NAMED_OTHERWISE = {
    "s3:HeadObject": {"s3:GetObject"},
    "s3:CopyObject": {"s3:GetObject", "s3:PutObject"},
    "s3:ListObjectsV2": {"s3:ListBucket"},
    "sqs:SendMessageBatch": {"sqs:SendMessage"},
    "dynamodb:TransactWriteItems": {"dynamodb:PutItem"},  # of puts alone, as ours are
    "events:PutEvents": {"events:PutEvents"},
    "lambda:Invoke": {"lambda:InvokeFunction"},
    "service-quotas:GetServiceQuota": {"servicequotas:GetServiceQuota"},
    "service-quotas:GetAWSDefaultServiceQuota": {"servicequotas:GetAWSDefaultServiceQuota"},
}
# Permissions of calls that are made for us: reading a version, job tags at creation, handing the role over.
IMPLIED = {
    "s3:GetObject": {"s3:GetObjectVersion"},
    "sagemaker:CreateTrainingJob": {"sagemaker:AddTags", "iam:PassRole"},
    "sagemaker:CreateHyperParameterTuningJob": {"sagemaker:AddTags", "iam:PassRole"},
}
# Not called by the package's own code: Lambda, its event sources and destinations, Powertools; Secrets Manager, which
# decrypts in the name of who reads a secret.
BY_THE_PLATFORM = (
    LAMBDA
    | {"kms:Decrypt"}
    | READS_QUEUE
    | (FAILS_TO_QUEUE - {"sqs:SendMessage"})
    | (IDEMPOTENCY - {"dynamodb:PutItem", "dynamodb:GetItem"})
)


@cache
def operations() -> dict[str, str]:
    """Every client method of the services that we use, as `service:Operation`."""
    session = botocore.session.get_session()
    models = {service: session.get_service_model(service) for service in SERVICES}
    return {
        xform_name(name): f"{service}:{name}" for service, model in models.items() for name in model.operation_names
    }


@cache
def of_batch() -> dict[str, str]:
    model = botocore.session.get_session().get_service_model("batch")
    return {xform_name(name): f"batch:{name}" for name in model.operation_names}


def named_in(source: Path) -> set[str]:
    """The operations that the module names: as a method it calls, or as a text (paginators)."""
    tree = ast.parse(source.read_text())
    methods = [
        node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    if source.name == "batch_training.py":
        # It calls Batch itself, and of SageMaker what another module adapts, whose methods are named like operations.
        on_batch = {each.attr for each in methods if getattr(each.value, "attr", "") == "_batch"}
        return {of_batch()[name] for name in on_batch | texts if name in of_batch()}
    names = {each.attr for each in methods} | texts
    return {operations()[name] for name in names if name in operations()}


def called_in(source: Path) -> set[str]:
    """IAM actions of the operations that the module names."""
    found = named_in(source)
    actions = set().union(*(NAMED_OTHERWISE.get(operation, {operation}) for operation in found))
    return actions.union(*(IMPLIED.get(action, set()) for action in actions))


def imports_of(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def adapters_of(function: str) -> set[Path]:
    """The modules of gridwatch.aws that the function's modules import, directly or through others."""
    seen: set[Path] = set()
    todo = list((ROOT / "functions" / function).rglob("*.py"))
    while todo:
        source = todo.pop()
        if source in seen:
            continue
        seen.add(source)
        names = [Path(*module.split(".")).with_suffix(".py") for module in imports_of(source)]
        candidates = (path / name for name in names for path in PATHS)
        todo += [candidate for candidate in candidates if candidate.is_file()]
    return {source for source in seen if source.is_relative_to(ROOT / "gridwatch" / "aws")}


@pytest.fixture(scope="module")
def complete(synthesize: Synthesize) -> Synthesized:
    """With all that is optional, and AWS Batch."""
    return synthesize(**OPTIONAL_PARTS, launch_target="batch")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_is_allowed_that_the_function_cannot_call(complete: Synthesized, function: str) -> None:
    called = set().union(*(called_in(source) for source in adapters_of(function)))
    allowed = actions_of(complete, complete.role_of(complete.functions[function]))
    assert allowed - called - BY_THE_PLATFORM == set()


def test_everything_that_adapters_call_is_allowed_to_somebody(complete: Synthesized) -> None:
    called = set().union(*(called_in(source) for function in FUNCTIONS for source in adapters_of(function)))
    roles = [complete.role_of(function) for function in complete.functions.values()]
    assert called - set().union(*(actions_of(complete, role) for role in roles)) == set()

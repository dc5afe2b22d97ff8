"""Secrets of the deployment, in Secrets Manager."""

from __future__ import annotations

from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated


def read_secret(arn: str, secrets: Any = None) -> str:
    """The secret's text. Raises gridwatch_rules.failures errors."""
    with translated():
        answer = (secrets or client("secretsmanager")).get_secret_value(SecretId=arn)
    return str(answer["SecretString"])

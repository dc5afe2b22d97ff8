"""What IAM refuses beyond its model: invalid policies, and policies that are too long (IAM User Guide, "IAM and AWS STS
quotas"; white space is not counted).
"""

import json
from collections.abc import Mapping
from typing import Any

from gridwatch.localcloud.sagemaker.errors import ServiceError

_INLINE = 10_240
_MANAGED = 6_144
_TRUST = 4_096  # as the quota can be raised to; 2,048 without
_EFFECTS = ("Allow", "Deny")
_VERSIONS = ("2012-10-17", "2008-10-17")


def _create_role(request: Mapping[str, Any]) -> None:
    _check(str(request["AssumeRolePolicyDocument"]), _TRUST, needs="Principal")
    duration = request.get("MaxSessionDuration")
    if duration is not None and not 3600 <= duration <= 43_200:
        raise ServiceError("ValidationError", f"MaxSessionDuration is 3600 to 43200 seconds, not {duration}")


def _trust(request: Mapping[str, Any]) -> None:
    _check(str(request["PolicyDocument"]), _TRUST, needs="Principal")


def _inline(request: Mapping[str, Any]) -> None:
    _check(str(request["PolicyDocument"]), _INLINE, needs="Resource")


def _managed(request: Mapping[str, Any]) -> None:
    _check(str(request["PolicyDocument"]), _MANAGED, needs="Resource")


def _check(text: str, most: int, *, needs: str) -> None:
    length = len("".join(text.split()))
    if length > most:
        raise ServiceError("LimitExceeded", f"Cannot exceed quota for PolicySize: {most}; the policy has {length}", 409)
    try:
        document = json.loads(text)
    except ValueError:
        raise _malformed("Syntax errors in policy.") from None
    statements = document.get("Statement") if isinstance(document, dict) else None
    statements = [statements] if isinstance(statements, dict) else statements
    if not isinstance(statements, list) or not statements:
        raise _malformed("Missing required field Statement")
    if document.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise _malformed("Syntax errors in policy.")
    for statement in statements:
        _check_statement(statement, needs)


def _check_statement(statement: Any, needs: str) -> None:
    if not isinstance(statement, dict) or statement.get("Effect") not in _EFFECTS:
        raise _malformed("Policy statement must have an Effect, Allow or Deny.")
    if "Action" not in statement and "NotAction" not in statement:
        raise _malformed("Policy statement must contain actions.")
    if needs not in statement and f"Not{needs}" not in statement:
        raise _malformed(f"Policy statement must contain {needs.lower()}s.")


def _malformed(message: str) -> ServiceError:
    return ServiceError("MalformedPolicyDocument", message)


CHECKS = {
    "iam:CreateRole": _create_role,
    "iam:UpdateAssumeRolePolicy": _trust,
    "iam:PutRolePolicy": _inline,
    "iam:PutUserPolicy": _inline,
    "iam:PutGroupPolicy": _inline,
    "iam:CreatePolicy": _managed,
    "iam:CreatePolicyVersion": _managed,
}

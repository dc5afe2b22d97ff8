"""Makes credentials of processes that act as a role."""

import hashlib

from ministack.core import responses
from ministack.services import sts

from gridwatch.localcloud.sagemaker.platform import partition


def role_session(role_arn: str, account: str, region: str) -> dict[str, str]:
    """Credentials of a job that acts as the role; the same ones each time, so that clients can be kept."""
    digest = hashlib.sha256(role_arn.encode()).hexdigest()
    key, secret, token = f"ASIA{digest[:16].upper()}", digest[16:], hashlib.sha256(digest.encode()).hexdigest()
    role = role_arn.rpartition("/")[2]
    session = {
        "Arn": f"arn:{partition(region)}:sts::{account}:assumed-role/{role}/SageMaker",
        "UserId": f"{role}:SageMaker",
        "SecretAccessKey": secret,
        "SessionToken": token,
    }
    with responses.request_scope(account, region):
        sts.register_session(key, session)
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}

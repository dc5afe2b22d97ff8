"""The environment that MiniStack reads when it is imported; this module imports nothing of it."""

import os
from pathlib import Path


def prepare_environment(
    host: str, port: int, region: str, account: str, scratch: Path, *, strict: bool, kept: Path | None = None
) -> None:
    """Set what MiniStack reads, and drop the host's own AWS settings, which would otherwise reach real AWS. State is
    kept in the folder ``kept`` if it is given.
    """
    for name in [name for name in os.environ if name.startswith(("AWS_", "BOTO_"))]:
        del os.environ[name]
    os.environ.update(
        {
            "BIND_HOST": host,
            "GATEWAY_PORT": str(port),
            "MINISTACK_REGION": region,
            "MINISTACK_ACCOUNT_ID": account,
            "AWS_EC2_METADATA_DISABLED": "true",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LAMBDA_EXECUTOR": "local",
            # A socket that does not exist: MiniStack then never looks for a Docker daemon.
            "DOCKER_HOST": f"unix://{scratch}/no-docker.sock",
            "TMPDIR": str(scratch),
        }
    )
    if kept is not None:
        os.environ.update(
            {
                "PERSIST_STATE": "1",
                "STATE_DIR": str(kept / "services"),
                "S3_PERSIST": "1",
                "S3_DATA_DIR": str(kept / "s3"),
            }
        )
    if strict:
        os.environ["AUTH"] = "true"

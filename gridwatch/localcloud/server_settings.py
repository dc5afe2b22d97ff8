"""The settings of the local cloud's process."""

from dataclasses import dataclass, field
from pathlib import Path

from gridwatch.localcloud.sagemaker.limits import Limits
from gridwatch.localcloud.sagemaker.platform import JobSettings


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the local cloud runs."""

    host: str = "127.0.0.1"
    port: int = 0
    region: str = "us-east-1"
    account: str = "000000000000"
    state_dir: Path | None = None
    images: Path | None = None
    templates: tuple[Path, ...] = ()
    persist: bool = False
    """Keep everything in ``state_dir``, and go on from what is there."""
    follow_stdin: bool = False
    workers_per_function: int = 4
    strict: bool = False
    lambda_limits: bool = False
    jobs: JobSettings = field(default_factory=JobSettings)
    limits: Limits = field(default_factory=Limits)

"""The one place where the command line reads the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gridwatch import project

DEFAULT_STACK = "gridwatch"
LOCAL_ACCOUNT = "000000000000"  # of every local cloud


@dataclass(frozen=True, slots=True)
class Environment:
    """The shell's settings: `endpoint_url` None stands for AWS itself, or for a running local cloud."""

    endpoint_url: str | None
    stack: str | None
    of_local_cloud: str | None = None  # a variable that only a local cloud's `local up` sets so

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Environment:
        source = os.environ if environment is None else environment
        buckets = ("GRIDWATCH_EXPERIMENTS_BUCKET", "GRIDWATCH_ARTIFACTS_BUCKET")
        return cls(
            endpoint_url=source.get("AWS_ENDPOINT_URL") or None,
            stack=source.get("GRIDWATCH_STACK") or None,
            of_local_cloud=next((name for name in buckets if LOCAL_ACCOUNT in source.get(name, "")), None),
        )


def kept_files(environment: Mapping[str, str] | None = None) -> Path:
    """Where commands keep what they make or remember: GRIDWATCH_FILES, or what the project has for it."""
    source = os.environ if environment is None else environment
    return Path(source.get("GRIDWATCH_FILES") or project.files_folder())


def child_environment(**changes: str) -> dict[str, str]:
    """The environment for a process that we start: our own, with these changes.

    PYTHONDONTWRITEBYTECODE is removed: importing aws-cdk-lib takes eight times longer when its .pyc files cannot be
    kept.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **changes}


def own_command() -> str:
    """This command as a person can type it again: `gridwatch`, or the path by which it was started if its folder need
    not be on the PATH, such as `.venv/bin/gridwatch`.
    """
    started = Path(sys.argv[0])
    return "gridwatch" if started.is_absolute() or started.name != "gridwatch" else str(started)


def project_root() -> Path:
    """The checkout that this command was installed from, or what stands in for it (gridwatch.project)."""
    return project.project_root()

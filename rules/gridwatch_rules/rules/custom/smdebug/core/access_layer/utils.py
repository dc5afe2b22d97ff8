"""Checks whether files exist, and whether a training is over."""

from __future__ import annotations

from gridwatch_rules.rules.custom.recorded import current_access
from gridwatch_rules.rules.custom.smdebug.core.logger import get_logger

END_OF_JOB_FILENAME = "training_job_end.ts"
ENV_RULE_STOP_SIGNAL_FILENAME = "SAGEMAKER_ENV_RULE_STOP_SIGNAL_FILE"
DEFAULT_GRACETIME_FOR_RULE_STOP_SEC = 60
RULE_JOB_STOP_SIGNAL_FILENAME = None
RULESTOP_GRACETIME_SECONDS = DEFAULT_GRACETIME_FOR_RULE_STOP_SEC

logger = get_logger()


def file_exists(file_path: str) -> bool:
    """Whether the file exists, or in S3 an object whose key begins with the path."""
    folder, _, name = file_path.rstrip("/").rpartition("/")
    try:
        return bool(current_access().folder(folder).keys(name, limit=1))
    except FileNotFoundError:
        return False


def has_training_ended(trial_prefix: str) -> bool:
    return file_exists(f"{trial_prefix.rstrip('/')}/{END_OF_JOB_FILENAME}")


def is_rule_signalled_gracetime_passed(trial_prefix: str) -> bool:
    """Always false, because no signal file tells a rule of Gridwatch to end."""
    del trial_prefix
    return False


def check_dir_exists(path: str) -> bool:
    """Whether a finished training wrote to the folder."""
    return has_training_ended(path)

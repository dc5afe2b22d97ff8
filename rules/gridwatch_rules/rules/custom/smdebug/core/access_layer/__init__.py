"""Access to a trial's files. The parts of smdebug that write files are left out."""

from gridwatch_rules.rules.custom.smdebug.core.access_layer.utils import (
    DEFAULT_GRACETIME_FOR_RULE_STOP_SEC,
    ENV_RULE_STOP_SIGNAL_FILENAME,
    check_dir_exists,
    has_training_ended,
    is_rule_signalled_gracetime_passed,
)

__all__ = [
    "DEFAULT_GRACETIME_FOR_RULE_STOP_SEC",
    "ENV_RULE_STOP_SIGNAL_FILENAME",
    "check_dir_exists",
    "has_training_ended",
    "is_rule_signalled_gracetime_passed",
]

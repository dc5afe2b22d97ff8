"""What rules take from here: modes, collections, configurations. The hooks are not for rules."""

from gridwatch_rules.rules.custom.smdebug import ReductionConfig, SaveConfig, SaveConfigMode, modes
from gridwatch_rules.rules.custom.smdebug.core.collection import Collection, CollectionKeys
from gridwatch_rules.rules.custom.smdebug.trials import create_trial

__all__ = [
    "Collection", "CollectionKeys", "ReductionConfig", "SaveConfig", "SaveConfigMode", "create_trial", "modes",
]  # fmt: skip

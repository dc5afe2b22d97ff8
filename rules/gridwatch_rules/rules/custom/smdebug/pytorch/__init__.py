"""The names that rules import from here: modes, collections, configurations. Hooks are left out, as rules do not use
them.
"""

from gridwatch_rules.rules.custom.smdebug import ReductionConfig, SaveConfig, SaveConfigMode, modes
from gridwatch_rules.rules.custom.smdebug.core.collection import Collection, CollectionKeys
from gridwatch_rules.rules.custom.smdebug.trials import create_trial

__all__ = [
    "Collection", "CollectionKeys", "ReductionConfig", "SaveConfig", "SaveConfigMode", "create_trial", "modes",
]  # fmt: skip

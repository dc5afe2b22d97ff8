"""What rules take from here: modes, collections, configurations. The hook is not for rules."""

from gridwatch_rules.rules.custom.smdebug import SaveConfig, SaveConfigMode, modes
from gridwatch_rules.rules.custom.smdebug.core.collection import Collection, CollectionKeys
from gridwatch_rules.rules.custom.smdebug.trials import create_trial

__all__ = ["Collection", "CollectionKeys", "SaveConfig", "SaveConfigMode", "create_trial", "modes"]

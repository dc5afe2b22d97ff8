"""The names that rules import from here: modes, collections, configurations. The hook is left out, as rules do not use
it.
"""

from gridwatch_rules.rules.custom.smdebug import SaveConfig, SaveConfigMode, modes
from gridwatch_rules.rules.custom.smdebug.core.collection import Collection, CollectionKeys
from gridwatch_rules.rules.custom.smdebug.trials import create_trial

__all__ = ["Collection", "CollectionKeys", "SaveConfig", "SaveConfigMode", "create_trial", "modes"]

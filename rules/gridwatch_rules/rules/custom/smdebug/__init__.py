"""A stand-in for smdebug 1.0.34 as rules use it: its modules, names, signatures and behaviour, on Gridwatch's reader.

It has everything that rules use: trials, tensors, rules, modes, collections, configurations, exceptions, the profile's
readers. It lacks the parts that write tensors inside a training (hooks, writers, their file formats).
docs/custom-rules.md has the list, tests/interop/test_smdebug_names.py compares every name and signature with smdebug's
own.
"""

from gridwatch_rules.rules.custom.smdebug._version import __version__
from gridwatch_rules.rules.custom.smdebug.core.collection import CollectionKeys
from gridwatch_rules.rules.custom.smdebug.core.modes import ModeKeys as modes
from gridwatch_rules.rules.custom.smdebug.core.reduction_config import ReductionConfig
from gridwatch_rules.rules.custom.smdebug.core.save_config import SaveConfig, SaveConfigMode

__all__ = ["CollectionKeys", "ReductionConfig", "SaveConfig", "SaveConfigMode", "__version__", "modes"]

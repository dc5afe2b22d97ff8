"""Writes a training job's tensors while it trains, in the layout that smdebug, TensorBoard's event reader and
Gridwatch read.

Depends on numpy alone; boto3 is imported when tensors go to S3. `gridwatch_hook.xgboost` holds the XGBoost callback;
`Hook` serves any other training loop.
"""

from gridwatch_hook.config import ConfigError, HookConfig
from gridwatch_hook.hook import Hook
from gridwatch_hook.modes import Mode

__version__ = "0.1.0"
__all__ = ["ConfigError", "Hook", "HookConfig", "Mode"]

"""Trials, through which a rule sees a training job."""

from gridwatch_rules.rules.custom.smdebug.trials.local_trial import LocalTrial
from gridwatch_rules.rules.custom.smdebug.trials.s3_trial import S3Trial
from gridwatch_rules.rules.custom.smdebug.trials.trial import Trial
from gridwatch_rules.rules.custom.smdebug.trials.utils import create_trial

__all__ = ["LocalTrial", "S3Trial", "Trial", "create_trial"]

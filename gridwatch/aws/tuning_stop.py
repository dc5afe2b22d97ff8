"""Stops a tuning job on SageMaker. It is a module of its own because people do it and no function may."""

from __future__ import annotations

from typing import Any

from gridwatch.aws.errors import translated
from gridwatch.aws.training_service import as_not_found, is_over_already
from gridwatch_rules.failures import PermanentError


def stop_tuning_job(sagemaker: Any, name: str) -> bool:
    """Ask a tuning job and all of its training jobs to stop; False when it was over or stopping already.

    Raises gridwatch_rules.failures errors; NotFoundError when there is no such tuning job.
    """
    try:
        with translated():
            sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    except PermanentError as error:
        if is_over_already(error):
            return False
        raise as_not_found(error) from error
    return True

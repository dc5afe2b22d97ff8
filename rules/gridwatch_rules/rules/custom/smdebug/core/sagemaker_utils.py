"""Tells where a rule runs."""

from __future__ import annotations


def is_sagemaker_job() -> bool:
    """Always false, because rules run beside the training jobs, in a function or on somebody's machine."""
    return False

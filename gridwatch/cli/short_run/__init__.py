"""`gridwatch preflight --run`: a short training on a sample, in the local training environments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gridwatch.cli.short_run import pytorch, xgboost
from gridwatch.domain.notices import Level, Notice
from gridwatch.storage.data_source import DataSource

if TYPE_CHECKING:
    from gridwatch.launch.plan import Plan


def short_run(plan: Plan, folder: Path, sources: Mapping[str, DataSource]) -> tuple[Notice, ...]:
    """The notices of a short training of the first trial, or a notice why there was none.

    `folder` is the spec's, beside which its script lies. Raises OSError and GridwatchError when the data cannot be
    read, CliError when the script cannot.
    """
    algorithm = plan.spec.algorithm
    if algorithm.is_own_xgboost:
        return xgboost.short_run(plan, sources)
    if algorithm.framework == "pytorch":
        return pytorch.short_run(plan, folder, sources)
    reason = f"only Gridwatch's own XGBoost script and PyTorch scripts are run, and this is {algorithm.title}"
    return (Notice(check="short-run", message=f"not run: {reason}", level=Level.NOTE),)

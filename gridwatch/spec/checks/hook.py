"""Checks of how the hook comes into the jobs."""

from __future__ import annotations

from collections.abc import Iterator

from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Problem
from gridwatch.storage.layout import HOOK_CHANNEL


def check_hook(spec: ExperimentSpec) -> Iterator[Problem]:
    """Check the setting `hook`, and that no channel of data has the name of the hook's where that may be brought."""
    algorithm = spec.algorithm
    if algorithm.is_own_xgboost and spec.hook == "off":
        message = "Gridwatch's script for XGBoost always trains with the hook, which costs nothing where no rule looks"
        advice = "leave hook out; framework: xgboost trains a script of your own"
        yield Problem(path=("hook",), message=message, found="off", allowed="auto, own", advice=advice)
    elif algorithm.name is not None and not algorithm.is_own_xgboost and spec.hook == "own":
        message = f"{algorithm.name} runs no code of yours, which could have a hook"
        yield Problem(path=("hook",), message=message, found="own", allowed="auto, off", advice="leave hook out")
    if spec.hook != "auto" or algorithm.name is not None:
        return
    reserved = "is the name of the channel that brings the hook into the job"
    advice = "give the channel another name, also where the script reads it, or say hook: off"
    if HOOK_CHANNEL in spec.data:
        yield Problem(path=("data", HOOK_CHANNEL), message=reserved, advice=advice)
    if spec.start_from is not None and spec.start_from.channel == HOOK_CHANNEL:
        yield Problem(path=("start_from", "channel"), message=reserved, found=HOOK_CHANNEL, advice=advice)

"""Samples the machine and times the steps of a training, in the files that Debugger's profiler writes.

A script uses `Profiler`, and for XGBoost the callback in `profiler.xgboost`. `sampler` is the background thread;
`proc`, `with_psutil` and `gpu` read the counters; `timeline` writes framework metrics; `settings` and `ranges` say what
to measure.
"""

from gridwatch_hook.profiler.profiler import Profiler
from gridwatch_hook.profiler.ranges import ProfileRange
from gridwatch_hook.profiler.settings import ProfilerSettings

__all__ = ["ProfileRange", "Profiler", "ProfilerSettings"]

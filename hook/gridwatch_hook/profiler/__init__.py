"""Samples the machine and times the steps of a training, in the files that Debugger's profiler writes.

`sampler` is the background thread, `proc` and `gpu` read the counters, `system_metrics` and `timeline` write
the two kinds of file, `settings` says at which interval and for which steps.
"""

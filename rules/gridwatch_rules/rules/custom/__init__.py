"""Runs users' own rules: classes in a user's file, each run in a process of its own with a time limit.

`runner` starts the process, and `child` runs in it. A subclass of `smdebug.rules.Rule` runs unchanged: `smdebug` is a
stand-in for smdebug on `recorded` tensors, `shim` makes it importable, and `replay` runs the rule with smdebug's loop.
"""

"""The user's own rules: classes in a file of theirs, each run in a process of its own with a time limit.

`runner` starts the process, `child` is what runs in it. A subclass of `smdebug.rules.Rule` runs unchanged: `smdebug` is
a stand-in for smdebug on `recorded` tensors, `shim` makes it importable, `replay` runs the rule with smdebug's loop.
"""

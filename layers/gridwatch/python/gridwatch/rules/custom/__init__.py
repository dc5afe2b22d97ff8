"""The user's own rules: classes in a file of theirs, each run in a process of its own with a time limit.

`runner` starts the process, `child` is what runs in it. A subclass of `smdebug.rules.Rule` runs unchanged on `trial`,
which looks like smdebug's but reads through our reader; `shim` is the little of smdebug that such files import.
"""

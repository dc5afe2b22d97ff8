"""Debugger's profiler rules: conditions on system metrics and framework metrics instead of tensors.

They are evaluated over metric events in the order of their time, by the same parameters, findings and saved state
as the rules on tensors.
"""

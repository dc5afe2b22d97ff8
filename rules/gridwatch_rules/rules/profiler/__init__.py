"""Debugger's profiler rules, which judge system metrics and framework metrics instead of tensors.

They are evaluated over metric events in the order of time. Parameters, findings and saved state are of the same kinds
as those of the rules on tensors.
"""

"""Benchmarks: each measures a figure against a peer in the same run: `python -m benchmarks.NAME --json`."""

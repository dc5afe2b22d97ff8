"""Experiments' results as pandas data frames: `from gridwatch.cli import analytics; analytics.connect()`."""

from gridwatch.cli.analytics.frames import Analytics, connect

__all__ = ["Analytics", "connect"]

"""What experiments taught, as pandas data frames: `from gridwatch_cli import analytics; analytics.connect()`."""

from gridwatch_cli.analytics.frames import Analytics, connect

__all__ = ["Analytics", "connect"]

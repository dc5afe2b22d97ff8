"""The release that this stands in for."""

__version__ = "1.0.34"

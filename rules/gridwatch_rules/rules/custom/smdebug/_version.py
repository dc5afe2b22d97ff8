"""The release of smdebug that this package stands in for."""

__version__ = "1.0.34"

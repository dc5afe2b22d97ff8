"""Checks before an instance is paid for: of the data, of the spec, and by a short run."""

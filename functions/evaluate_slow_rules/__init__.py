"""Runs a rule that takes long: the user's code or a report, and publishes the result."""

"""Writes what is known about an experiment as tables."""

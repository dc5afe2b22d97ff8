"""Hostile inputs, made from a seed, for everything that takes what Gridwatch did not write (`make fuzz`)."""

"""The report of an experiment: one page made of a snapshot's tables."""

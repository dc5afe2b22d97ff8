"""The report of an experiment: one page made from a snapshot's tables."""

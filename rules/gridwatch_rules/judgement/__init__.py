"""Rules that look across the trials of an experiment: whether a trial is worth its remaining time."""

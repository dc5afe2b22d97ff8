"""Rules that compare the trials of an experiment, to judge whether a trial is worth its remaining time."""

"""Tests of the whole embedded stack while things go wrong on purpose; a seed repeats a run."""

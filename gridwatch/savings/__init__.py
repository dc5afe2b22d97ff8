"""Estimates of what a stop saves: the time and the money that a training job would still have taken."""

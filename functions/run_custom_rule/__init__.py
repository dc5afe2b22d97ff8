"""Runs the user's own rule code, isolated, able to read tensors and nothing else."""

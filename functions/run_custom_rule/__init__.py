"""The user's own rule code, alone, able to read tensors and nothing else."""

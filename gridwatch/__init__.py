"""What Gridwatch's functions, command line and tests share. Importing this package imports nothing else."""

__version__ = "0.1.0"

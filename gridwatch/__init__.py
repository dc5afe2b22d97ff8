"""The Gridwatch platform: its command, embedded cloud and shared modules. Importing this package imports
nothing else.
"""

__version__ = "0.1.0"

"""The command line's errors: one clear line for people, and exit code 1."""

from __future__ import annotations


class CliError(Exception):
    """The message is for the person at the keyboard: what is wrong and, where we know it, what to do."""

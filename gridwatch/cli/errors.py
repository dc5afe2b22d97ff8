"""What the command line tells people when it cannot do as asked: one clear line, and exit code 1."""

from __future__ import annotations


class CliError(Exception):
    """The message is for the person at the keyboard: what is wrong and, where we know it, what to do."""

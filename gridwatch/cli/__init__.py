"""The `gridwatch` command."""

"""The constructs of which the stack consists."""

"""The permissions under the strict profile; imports nothing of MiniStack."""

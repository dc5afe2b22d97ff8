"""Who may do what under the strict profile; imports nothing of MiniStack."""

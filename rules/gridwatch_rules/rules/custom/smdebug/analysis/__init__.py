"""smdebug's small functions for rules."""

"""Commands that look at results: one trial, several beside each other, those that match, where they come from."""

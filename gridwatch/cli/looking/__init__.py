"""Commands that show results: one trial, several side by side, those that match, and what they were made from."""

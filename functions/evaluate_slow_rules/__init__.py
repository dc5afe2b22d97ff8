"""A rule that takes long is due: have the user's code run, or write the report, and publish what came of it."""

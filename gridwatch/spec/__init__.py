"""The experiment spec: reading, validating, explaining what is wrong with it. The only part that needs pydantic."""

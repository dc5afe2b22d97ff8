"""The experiment spec: reading it, validating it, explaining what is wrong with it. Nothing else needs pydantic."""

"""Handles the upload of a spec: validates it, expands the grid, records every trial."""

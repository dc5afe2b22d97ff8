"""A spec was uploaded: validate it, expand the grid, record every trial."""

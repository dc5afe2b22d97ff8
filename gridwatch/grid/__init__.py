"""The points of a grid, their order, and the identity of each trial."""

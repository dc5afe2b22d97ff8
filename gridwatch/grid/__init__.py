"""The points of a grid, their order, and which trial each of them is."""

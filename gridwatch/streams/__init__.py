"""The metrics of a job as streams of points, one for each source, and when they are read."""

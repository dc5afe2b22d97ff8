"""Programs that run in place of container images."""

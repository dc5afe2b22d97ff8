"""What runs in place of container images."""

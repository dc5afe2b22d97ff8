"""What Gridwatch remembers: records (frozen values) and the stores that keep them."""

"""The records that Gridwatch keeps (frozen values) and the stores that keep them."""

"""Posts alerts to a webhook, as fast as its service allows."""

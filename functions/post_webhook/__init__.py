"""Post an alert to a webhook, as fast as its service allows."""

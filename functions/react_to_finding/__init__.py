"""A rule's status changed: stop what can be stopped, record it, ask for an alert."""

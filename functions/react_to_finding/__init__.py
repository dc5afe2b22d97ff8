"""Reacts to a change of a rule's status: stops what may be stopped, records it, asks for an alert."""

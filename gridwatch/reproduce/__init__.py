"""Fingerprints of trials, and training a trial again from its fingerprint."""

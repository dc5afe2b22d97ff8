"""The whole embedded stack while things go wrong on purpose: seeded, and told again by the same seed."""

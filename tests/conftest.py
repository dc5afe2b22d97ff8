"""Fixtures that apply to every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long an example takes says how much else the machine does, not whether the example is right.
settings.register_profile("shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared-machine")

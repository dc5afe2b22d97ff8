"""Alerts: what people are told, when, and in which form."""

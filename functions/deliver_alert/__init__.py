"""Delivers each alert to people, once."""

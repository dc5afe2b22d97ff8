"""Checks between a spec's fields, one module for each part of the spec; `whole` puts them together."""

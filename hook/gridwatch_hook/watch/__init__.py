"""Watches trainings whose scripts do not know of it, one module for each framework."""

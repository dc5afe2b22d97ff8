"""Repairs on a schedule what lost events left behind."""

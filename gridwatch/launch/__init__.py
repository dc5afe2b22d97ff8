"""Turns a spec into training jobs: the plan, the requests, and the order in which they are made."""

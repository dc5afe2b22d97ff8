"""Hands waiting trials to SageMaker, paced and within limits."""

"""Rules across trials over what is recorded of an experiment."""

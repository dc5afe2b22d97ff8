"""The CDK app: one stack, synthesized without credentials, network or Docker."""

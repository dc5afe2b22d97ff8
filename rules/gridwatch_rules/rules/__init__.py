"""The rule engine: SageMaker Debugger's rules and more, evaluated step by step on a job's tensors."""

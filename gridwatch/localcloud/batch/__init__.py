"""AWS Batch for SageMaker Training, as far as Gridwatch uses it: service environments, queues, service jobs."""

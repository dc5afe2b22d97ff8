"""AWS Batch for SageMaker Training, as far as Gridwatch queues with it: service environments, queues, service jobs."""

"""SageMaker's training, experiment and search APIs, with jobs that really run as processes."""

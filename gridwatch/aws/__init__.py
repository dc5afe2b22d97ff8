"""The adapters to AWS: the only modules of the package that import boto3."""

"""Where things lie in S3."""

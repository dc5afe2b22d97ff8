"""The layout of Gridwatch's objects in S3, and sources of data."""

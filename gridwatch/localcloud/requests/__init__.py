"""Requests to the services that MiniStack stands in for, held against what AWS takes: botocore's models, and the limits
that the services' documentation states and the models lack.
"""

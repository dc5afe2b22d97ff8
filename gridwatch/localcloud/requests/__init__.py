"""Checks requests to the services that MiniStack stands in for against what AWS accepts: botocore's models, and the
limits that the services' documentation states and the models lack.
"""

"""Stands in for MLflow on SageMaker, which the local cloud does not have: MLflow's client writes into a folder
instead.
"""

import re
from collections.abc import Mapping
from pathlib import Path

_URI = "MLFLOW_TRACKING_URI"
_RESOURCE = re.compile(r"arn:[^:]*:sagemaker:[^:]*:[^:]*:(mlflow-[a-zA-Z-]*/.+)")


def with_local_store(environment: Mapping[str, str], stores: Path) -> dict[str, str]:
    """A job's variables with a folder in MLflow's file format below ``stores`` in place of each MLflow app or tracking
    server; any other address stays.
    """
    found = _RESOURCE.fullmatch(environment.get(_URI, ""))
    if found is None:
        return dict(environment)
    store = stores / re.sub(r"[^A-Za-z0-9]+", "-", found[1]).strip("-")
    # Newer clients of MLflow (3.17 among them) write into files only when told that this is meant.
    return {**environment, _URI: store.as_uri(), "MLFLOW_ALLOW_FILE_STORE": "true"}

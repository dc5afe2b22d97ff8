"""The hook's only reading of the environment: where tensors go and what SageMaker or Gridwatch configured."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridwatch_hook.config import TOP_KEYS
from gridwatch_hook.pace import Terms
from gridwatch_hook.parameters import ConfigError, Parameters

SAGEMAKER_CONFIG_FILE = "input/config/debughookconfig.json"  # relative to SageMaker's folder (/opt/ml)

_CONFIG = "GRIDWATCH_HOOK_CONFIG"
_CONFIG_FILE = "SMDEBUG_CONFIG_FILE_PATH"
_PACE = "GRIDWATCH_PACE"
_PACE_KEYS = ("look_seconds", "least_seconds", "first_looks")
_TENSORS = "GRIDWATCH_TENSORS_URI"
_JOB_NAME = "TRAINING_JOB_NAME"  # SageMaker sets this variable in every training container
_JOB_PLACEHOLDER = f"{{{_JOB_NAME}}}"
_OUTPUT_DATA = "SM_OUTPUT_DATA_DIR"
_REGION = "AWS_REGION"
_BASE = "SAGEMAKER_BASE_DIR"


@dataclass(frozen=True, slots=True)
class Environment:
    """The part of the process's environment that concerns the hook. `document` is None when no hook was asked for."""

    document: Any
    tensors_uri: str | None  # s3://bucket/prefix or a folder; None: the configuration's LocalPath
    output_data_folder: str | None  # the folder whose files SageMaker keeps beside the model
    region: str | None  # SageMaker sets AWS_REGION, which boto3 does not read
    pace: Terms | None = None  # the terms on which Gridwatch looks at what is written; None: not given

    @classmethod
    def read(cls, variables: Mapping[str, str] | None = None) -> Environment:
        """Read the environment. Raises ConfigError when the configuration is not JSON, or its file does not exist."""
        source = os.environ if variables is None else variables
        return cls(
            _document(source),
            tensors_uri(source),
            source.get(_OUTPUT_DATA) or None,
            source.get(_REGION) or None,
            pace_terms(source),
        )


def tensors_uri(variables: Mapping[str, str]) -> str | None:
    """The address for tensors. All jobs of a tuning job are given the same text, with a placeholder for the job's own
    name.
    """
    address = variables.get(_TENSORS) or None
    if address is None or _JOB_PLACEHOLDER not in address:
        return address
    name = variables.get(_JOB_NAME)
    if not name:
        raise ConfigError(f"{_TENSORS} is {address}, and {_JOB_NAME} does not say which job this is")
    return address.replace(_JOB_PLACEHOLDER, name)


def pace_terms(variables: Mapping[str, str]) -> Terms | None:
    """The terms on which Gridwatch looks at the job; None when they are not given. Members that only a newer Gridwatch
    knows are ignored. Raises ConfigError.
    """
    text = variables.get(_PACE)
    if not text:
        return None
    where = f"the environment variable {_PACE}"
    said = _parse(text, where)
    known = {key: value for key, value in said.items() if key in _PACE_KEYS} if isinstance(said, dict) else said
    terms = Parameters.create(where, known, _PACE_KEYS)
    look = terms.number("look_seconds", None, above=0.0)
    if look is None:
        raise ConfigError(f"{where} does not say look_seconds")
    least, first = terms.number("least_seconds", 0.0), terms.integer("first_looks", 1, at_least=1)
    return Terms(look, least or 0.0, first or 1)


def _document(variables: Mapping[str, str]) -> Any:
    if _CONFIG in variables:
        return _parse(_continued(variables), f"the environment variable {_CONFIG}")
    named = variables.get(_CONFIG_FILE)
    path = Path(named) if named else Path(variables.get(_BASE) or "/opt/ml", SAGEMAKER_CONFIG_FILE)
    if path.is_file():
        document = _parse(path.read_text(errors="replace"), str(path))
        if named is not None or not isinstance(document, dict):
            return document
        # SageMaker's file may hold more than the hook's configuration.
        return {key: value for key, value in document.items() if key in TOP_KEYS}
    if named:
        raise ConfigError(f"{_CONFIG_FILE} names {named}, which does not exist")
    return {} if variables.get(_TENSORS) else None


def _continued(variables: Mapping[str, str]) -> str:
    """The text of a setting whose value, when longer than SageMaker allows, is continued in _1, _2, …"""
    parts = [variables[_CONFIG]]
    while (part := variables.get(f"{_CONFIG}_{len(parts)}")) is not None:
        parts.append(part)
    return "".join(parts)


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where} is not JSON: {error}") from error

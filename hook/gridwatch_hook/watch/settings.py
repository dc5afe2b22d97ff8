"""The configuration of a watch: a JSON file that travels beside sitecustomize.py.

Environment variables do not reach all ranks of a training, so that none is needed here; those that say which job and
which rank a process is are read where SageMaker and the launchers set them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gridwatch_hook.pace import Terms
from gridwatch_hook.parameters import ConfigError, Parameters
from gridwatch_hook.settings import pace_terms

CONFIG_FILE = "gridwatch_watch.json"
_KEYS = ("place", "hook", "region", "pace", "heartbeat_seconds")
_PACE_KEYS = ("look_seconds", "least_seconds", "first_looks")
_JOB_NAME = "TRAINING_JOB_NAME"
_BASE = "SAGEMAKER_BASE_DIR"
_TOLD_NAME = "sagemaker_job_name"  # the hyperparameter by which scripts are told the name, as JSON
_RANKS = ("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID")
_SIZES = ("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS")


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """The place that is written to, and the collections that are asked for. Below the place lie the folders
    `debug-output` and `heartbeat-output`.
    """

    place: str
    hook: Mapping[str, Any] = field(default_factory=dict)  # the document of Debugger's hook: the collections asked for
    region: str | None = None
    pace: Terms | None = None
    heartbeat_seconds: float = 15.0

    @classmethod
    def parse(cls, document: Any, variables: Mapping[str, str]) -> WatchConfig:
        """Parse the file's document. Raises ConfigError saying what is wrong and what is allowed."""
        given = Parameters.create(f"the watch's configuration ({CONFIG_FILE})", document, _KEYS)
        place = given.text("place", "")
        if not place:
            raise ConfigError(f"{CONFIG_FILE} names no place; expected a folder or s3://bucket/prefix")
        if f"{{{_JOB_NAME}}}" in place:
            name = variables.get(_JOB_NAME) or _told_name(variables)
            if not name:
                raise ConfigError(f"the place is {place}, and {_JOB_NAME} does not say which job this is")
            place = place.replace(f"{{{_JOB_NAME}}}", name)
        return cls(
            place.rstrip("/"),
            given.get("hook") or {},
            given.get("region") or variables.get("AWS_REGION") or None,
            _terms(given.get("pace")) or pace_terms(variables),
            given.number("heartbeat_seconds", 15.0, above=0.0) or 15.0,
        )

    @classmethod
    def read(cls, folder: str, variables: Mapping[str, str] | None = None) -> WatchConfig:
        """Read the file in `folder`. A zip has it in it or beside it. Raises ConfigError, or OSError where there is
        none.
        """
        variables = os.environ if variables is None else variables
        try:
            return cls.parse(json.loads(_content(folder)), variables)
        except (ValueError, RecursionError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"{folder}/{CONFIG_FILE} is not JSON: {error}") from error


def rank_and_workers(variables: Mapping[str, str] | None = None) -> tuple[int, int]:
    """This process's rank and the number of ranks, by what launchers set; (0, 1) where none did."""
    variables = os.environ if variables is None else variables
    rank, workers = (_first(variables, names) for names in (_RANKS, _SIZES))
    return (rank or 0, max(workers or 1, (rank or 0) + 1))


def _terms(said: Any) -> Terms | None:
    if said is None:
        return None
    terms = Parameters.create("pace", said, _PACE_KEYS)
    look = terms.number("look_seconds", None, above=0.0)
    if look is None:
        raise ConfigError("pace does not say look_seconds")
    return Terms(look, terms.number("least_seconds", 0.0) or 0.0, terms.integer("first_looks", 1, at_least=1) or 1)


def _content(folder: str) -> bytes:
    path = Path(folder)
    if path.is_file():
        import zipfile  # noqa: PLC0415  (a folder is the usual carrier)

        with zipfile.ZipFile(path) as packed:
            if CONFIG_FILE in packed.namelist():
                return packed.read(CONFIG_FILE)
        path = path.parent
    return (path / CONFIG_FILE).read_bytes()


def _told_name(variables: Mapping[str, str]) -> str:
    """The job's name as its hyperparameters tell it, for ranks that a launcher started with an environment of their
    own; empty where they do not.
    """
    try:
        told = json.loads(Path(variables.get(_BASE) or "/opt/ml", "input/config/hyperparameters.json").read_text())
        return str(json.loads(told[_TOLD_NAME]))
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _first(variables: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    return next((int(variables[name]) for name in names if variables.get(name, "").isdigit()), None)

"""The profiler's configuration: the JSON that SageMaker hands to Debugger's profiler, and where its files go."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gridwatch_hook.parameters import ConfigError, Parameters
from gridwatch_hook.profiler.layout import PROFILE_FOLDER, TENSORS_FOLDER
from gridwatch_hook.profiler.ranges import ProfileRange
from gridwatch_hook.settings import pace_terms, tensors_uri

INTERVALS_MS = (100, 200, 500, 1000, 5000, 60000)  # what SageMaker's ProfilingIntervalInMilliseconds allows
SAGEMAKER_CONFIG_FILE = "/opt/ml/input/config/profilerconfig.json"
SAGEMAKER_RESOURCES_FILE = "/opt/ml/input/config/resourceconfig.json"
DEFAULT_LOCAL_PATH = "/opt/ml/output/profiler"

_TOP_KEYS = ("ProfilingIntervalInMilliseconds", "ProfilingParameters", "S3OutputPath", "DisableProfiler")
_STEPS, _LOADING = "DetailedProfilingConfig", "DataloaderProfilingConfig"
_IGNORED = ("PythonProfilingConfig", "SMDataParallelProfilingConfig", "HorovodProfilingConfig", "FileOpenFailThreshold")
_SECONDS, _BYTES = "RotateFileCloseIntervalInSeconds", "RotateMaxFileSizeInBytes"
_PARAMETER_KEYS = ("LocalPath", _STEPS, _LOADING, _SECONDS, _BYTES, *_IGNORED)

_CONFIG = "GRIDWATCH_PROFILER_CONFIG"
_CONFIG_FILE = "SMPROFILER_CONFIG_PATH"
_PROFILE = "GRIDWATCH_PROFILE_URI"


@dataclass(frozen=True, slots=True)
class ProfilerSettings:
    """Says what to measure and how often to write it. `steps` and `loading` are None when those framework metrics are
    not wanted.
    """

    interval_ms: int = 500
    file_seconds: float = 10.0  # seconds for which a file is filled before it is written
    file_bytes: int = 10 * 1024 * 1024  # approximate bytes of a file of framework metrics
    steps: ProfileRange | None = field(default_factory=ProfileRange)
    loading: ProfileRange | None = field(default_factory=ProfileRange)
    local_path: str = DEFAULT_LOCAL_PATH

    @classmethod
    def parse(cls, document: Any) -> ProfilerSettings | None:
        """Parse SageMaker's ProfilerConfig. Returns None when it disables the profiler. Raises ConfigError saying what
        is allowed.

        As in Debugger, framework metrics need ProfilingParameters: steps are then timed (only those of
        DetailedProfilingConfig, when it is given), data loading is timed when DataloaderProfilingConfig asks for it.
        """
        top = Parameters.create("the profiler configuration", document, _TOP_KEYS)
        if top.boolean("DisableProfiler", default=False):
            return None
        given = Parameters.create("ProfilingParameters", top.get("ProfilingParameters") or {}, _PARAMETER_KEYS)
        loading = given.get(_LOADING)
        return cls(
            interval_ms=_interval(top.get("ProfilingIntervalInMilliseconds")),
            file_seconds=given.number(_SECONDS, 10.0, above=0.0) or 10.0,
            file_bytes=given.integer(_BYTES, 10 * 1024 * 1024, at_least=1024) or 10 * 1024 * 1024,
            steps=ProfileRange.parse(_STEPS, given.get(_STEPS) or {}) if given.values else None,
            loading=ProfileRange.parse(_LOADING, loading, ("MetricsRegex",)) if loading else None,
            local_path=given.text("LocalPath", DEFAULT_LOCAL_PATH),
        )


@dataclass(frozen=True, slots=True)
class Environment:
    """The part of the process's environment that concerns the profiler. `settings` is None when no profile was asked
    for.
    """

    settings: ProfilerSettings | None
    uri: str
    node: str
    region: str | None

    @classmethod
    def read(cls, variables: Mapping[str, str] | None = None) -> Environment:
        """Read the environment. Raises ConfigError when the configuration is not JSON or cannot be used."""
        source = os.environ if variables is None else variables
        document = _document(source)
        settings = None if document is None else ProfilerSettings.parse(document)
        terms = pace_terms(source)
        if settings is not None and terms is not None:
            # Each file costs a look at the job, so it is filled for as long as the terms of the job's price say.
            settings = replace(settings, file_seconds=max(settings.file_seconds, terms.look_seconds))
        local = settings.local_path if settings else DEFAULT_LOCAL_PATH
        return cls(settings, _uri(source) or local, _node(source), source.get("AWS_REGION") or None)


def profile_uri(tensors_uri: str) -> str:
    """The address of a job's profile, which lies beside the tensors at `tensors_uri`."""
    stem = tensors_uri.rstrip("/")
    return f"{stem.removesuffix(f'/{TENSORS_FOLDER}')}/{PROFILE_FOLDER}"


def _uri(variables: Mapping[str, str]) -> str | None:
    tensors = tensors_uri(variables)
    return variables.get(_PROFILE) or (profile_uri(tensors) if tensors else None)


def _node(variables: Mapping[str, str]) -> str:
    named = variables.get("SM_CURRENT_HOST")
    if not named:
        path = Path(SAGEMAKER_RESOURCES_FILE)
        named = json.loads(path.read_text()).get("current_host") if path.is_file() else None
    # smdebug ignores files whose node is not named the way SageMaker names its nodes.
    return named if named and named.removeprefix("algo-").isdigit() else "algo-1"


def _document(variables: Mapping[str, str]) -> Any:
    if _CONFIG in variables:
        return _parse(_continued(variables), f"the environment variable {_CONFIG}")
    named = variables.get(_CONFIG_FILE)
    if variables.get(_PROFILE) and not named:
        return {}  # an explicit address for the profile asks for one, whatever SageMaker's own profiler is told
    path = Path(named or SAGEMAKER_CONFIG_FILE)
    if path.is_file():
        return _parse(path.read_text(), str(path))
    if named:
        raise ConfigError(f"{_CONFIG_FILE} names {named}, which does not exist")
    return None


def _continued(variables: Mapping[str, str]) -> str:
    """The text of a setting whose value, when longer than SageMaker allows, is continued in _1, _2, …"""
    parts = [variables[_CONFIG]]
    while (part := variables.get(f"{_CONFIG}_{len(parts)}")) is not None:
        parts.append(part)
    return "".join(parts)


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{where} is not JSON: {error}") from error


def _interval(value: Any) -> int:
    try:
        interval = 500 if value is None else int(value)
    except (TypeError, ValueError):
        interval = -1
    if interval not in INTERVALS_MS:
        allowed = ", ".join(map(str, INTERVALS_MS))
        raise ConfigError(f"ProfilingIntervalInMilliseconds is {value!r}, but must be one of {allowed}")
    return interval

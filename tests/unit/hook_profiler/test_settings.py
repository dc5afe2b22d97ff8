"""The profiler's configuration as SageMaker hands it over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gridwatch_hook.parameters import ConfigError
from gridwatch_hook.profiler.ranges import ProfileRange
from gridwatch_hook.profiler.settings import Environment, ProfilerSettings, profile_uri


def parse(**document: object) -> ProfilerSettings:
    found = ProfilerSettings.parse(document)
    assert found is not None
    return found


def test_defaults() -> None:
    found = parse()
    assert (found.interval_ms, found.steps, found.loading) == (500, None, None)
    assert ProfilerSettings.parse({"DisableProfiler": True}) is None


@pytest.mark.parametrize("interval", [100, "200", 500, 1000, 5000, 60000])
def test_intervals(interval: object) -> None:
    assert parse(ProfilingIntervalInMilliseconds=interval).interval_ms == int(str(interval))


@pytest.mark.parametrize("interval", [0, 50, 300, "often", 100.5e9])
def test_other_intervals(interval: object) -> None:
    with pytest.raises(ConfigError, match="100, 200, 500, 1000, 5000, 60000"):
        parse(ProfilingIntervalInMilliseconds=interval)


def test_profiling_parameters_as_the_sdk_writes_them() -> None:
    """Objects in strings, with a comma before the brace."""
    found = parse(
        ProfilingParameters={
            "DataloaderProfilingConfig": '{"StartStep": 7, "NumSteps": 2, "MetricsRegex": ".*", }',
            "DetailedProfilingConfig": '{"StartStep": 5, "NumSteps": 3, }',
            "PythonProfilingConfig": '{"StartStep": 9, "NumSteps": 1, "ProfilerName": "cprofile", }',
            "LocalPath": "/opt/ml/output/profiler",
            "RotateFileCloseIntervalInSeconds": "60",
            "RotateMaxFileSizeInBytes": "10485760",
            "FileOpenFailThreshold": "50",
        }
    )
    assert found.steps == ProfileRange(start_step=5, num_steps=3)
    assert found.loading == ProfileRange(start_step=7, num_steps=2)
    assert (found.file_seconds, found.local_path) == (60.0, "/opt/ml/output/profiler")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"DetailedProfiling": "{}"}, "DetailedProfilingConfig"),
        ({"DetailedProfilingConfig": "open('x')"}, "is not an object"),
        ({"DetailedProfilingConfig": "[1]"}, "is not an object"),
        ({"DetailedProfilingConfig": '{"StartStep": -1}'}, "at least 0"),
        ({"DetailedProfilingConfig": '{"Start": 1}'}, "StartStep"),
        ({"DetailedProfilingConfig": '{"StartStep": 1, "DurationInSeconds": 3}'}, "not both"),
        ({"RotateFileCloseIntervalInSeconds": "0"}, "above 0"),
    ],
)
def test_what_is_wrong_is_named(parameters: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(ProfilingParameters=parameters)


def covered(given: ProfileRange, steps: range, seconds_a_step: float = 1.0) -> list[int]:
    return [step for step in steps if given.covers(step, 100.0 + step * seconds_a_step)]


def test_ranges() -> None:
    steps = range(3, 20)
    assert covered(ProfileRange(), steps) == list(steps)
    assert covered(ProfileRange(start_step=5, num_steps=3), steps) == [5, 6, 7]
    assert covered(ProfileRange(start_step=5), steps) == [5]
    assert covered(ProfileRange(num_steps=2), steps) == [3, 4]  # from the first that comes
    assert covered(ProfileRange(start_step=0, num_steps=4), steps) == [3]
    assert covered(ProfileRange(start_time=110.0), steps) == list(range(10, 20))
    assert covered(ProfileRange(start_time=110.0, duration=2.0), steps) == [10, 11]
    assert covered(ProfileRange(duration=2.0), steps) == [3, 4]


def test_environment(tmp_path: Path) -> None:
    document = {"ProfilingIntervalInMilliseconds": 1000}
    path = tmp_path / "profilerconfig.json"
    path.write_text(json.dumps(document))
    tensors = {"GRIDWATCH_TENSORS_URI": "s3://bucket/tensors/job/debug-output"}
    found = Environment.read(tensors | {"SMPROFILER_CONFIG_PATH": str(path), "SM_CURRENT_HOST": "algo-3"})
    assert found.settings == ProfilerSettings.parse(document)
    assert (found.uri, found.node) == ("s3://bucket/tensors/job/profiler-output", "algo-3")
    assert Environment.read(tensors).settings is None  # tensors alone ask for no profile
    split = {"GRIDWATCH_PROFILER_CONFIG": '{"ProfilingInterval', "GRIDWATCH_PROFILER_CONFIG_1": 'InMilliseconds": 100}'}
    continued = Environment.read(split | {"SM_CURRENT_HOST": "my-laptop"})
    assert continued.settings is not None
    assert (continued.settings.interval_ms, continued.node) == (100, "algo-1")
    assert continued.uri == "/opt/ml/output/profiler"
    assert Environment.read({"GRIDWATCH_PROFILE_URI": "out"}).uri == "out"
    for wrong in ({"GRIDWATCH_PROFILER_CONFIG": "{"}, {"SMPROFILER_CONFIG_PATH": "/nowhere"}):
        with pytest.raises(ConfigError):
            Environment.read(wrong)


def test_the_profile_lies_beside_the_tensors() -> None:
    assert profile_uri("s3://bucket/tensors/job/debug-output/") == "s3://bucket/tensors/job/profiler-output"
    assert profile_uri("out") == "out/profiler-output"


@pytest.mark.parametrize(("look_seconds", "expected"), [(0.25, 10.0), (60.0, 60.0)])
def test_a_file_is_filled_for_as_long_as_the_job_is_not_looked_at(look_seconds: float, expected: float) -> None:
    variables = {"GRIDWATCH_PROFILER_CONFIG": "{}", "GRIDWATCH_PACE": json.dumps({"look_seconds": look_seconds})}
    settings = Environment.read(variables).settings
    assert settings is not None
    assert settings.file_seconds == expected

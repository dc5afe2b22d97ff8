"""The trial through which a rule sees a job's profile."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gridwatch_rules.rules.custom.recorded import current_access, wait_for
from gridwatch_rules.rules.custom.smdebug.core.access_layer.utils import has_training_ended
from gridwatch_rules.rules.custom.smdebug.core.logger import get_logger
from gridwatch_rules.rules.custom.smdebug.exceptions import NoMoreProfilerData, SMDebugRuntimeError
from gridwatch_rules.rules.custom.smdebug.profiler.algorithm_metrics_reader import (
    LocalAlgorithmMetricsReader,
    S3AlgorithmMetricsReader,
)
from gridwatch_rules.rules.custom.smdebug.profiler.system_metrics_reader import (
    LocalSystemMetricsReader,
    S3SystemMetricsReader,
)


class ProfilerTrial:
    """smdebug's ProfilerTrial. Times are in microseconds since 1970."""

    system_metrics_reader: LocalSystemMetricsReader | S3SystemMetricsReader
    framework_metrics_reader: LocalAlgorithmMetricsReader | S3AlgorithmMetricsReader

    def __init__(self, name: str, trial_dir: str, output_dir: str) -> None:
        self.name = name
        self.path = trial_dir
        self.logger = get_logger()
        self.first_timestamp = 0
        self.get_first_timestamp()
        self.output_dir = output_dir
        self.temp_dir = os.path.join(output_dir, ".sagemaker-ignore")
        Path(self.temp_dir).mkdir(parents=True, exist_ok=True)

    def job_finished(self) -> bool:
        path = self.path.rstrip("/")
        ended = current_access().trial(self.path).ended
        return ended or has_training_ended(f"{path}/system") or has_training_ended(f"{path}/framework")

    def get_first_timestamp(self) -> None:
        """Set `first_timestamp`. Raises SMDebugRuntimeError for a job that is over and was not profiled."""
        if self.path.startswith("s3"):
            self.system_metrics_reader = S3SystemMetricsReader(self.path)
            self.framework_metrics_reader = S3AlgorithmMetricsReader(self.path)
        else:
            self.system_metrics_reader = LocalSystemMetricsReader(self.path)
            self.framework_metrics_reader = LocalAlgorithmMetricsReader(self.path)
        system = self.system_metrics_reader.get_timestamp_of_first_available_file()
        framework = self.framework_metrics_reader.get_timestamp_of_first_available_file()
        self.first_timestamp = framework if 0 != framework < system else system
        if not self.first_timestamp:
            if self.job_finished():
                raise SMDebugRuntimeError(f"there are no metrics of the machine in {self.path}")
            raise wait_for("the profile's first file")

    def get_latest_timestamp(self) -> int:
        self.system_metrics_reader.refresh_event_file_list()
        self.framework_metrics_reader.refresh_event_file_list()
        system = self.system_metrics_reader.get_timestamp_of_latest_available_file()
        framework = self.framework_metrics_reader.get_timestamp_of_latest_available_file()
        return framework if 0 != framework < system else system

    def wait_for_data(self, end_time: float, start_time: float) -> None:
        """Check for data. Raises NoMoreProfilerData when the job is over and nothing comes after `start_time`."""
        latest = self.get_latest_timestamp()
        if end_time < latest:
            return
        finished = self.job_finished()
        if end_time > latest and not finished:
            raise wait_for(f"the profile until {end_time}")
        if finished and start_time >= latest:
            raise NoMoreProfilerData(end_time)

    def get_system_metrics(self, start_time: float, end_time: float) -> list[Any]:
        return self.system_metrics_reader.get_events(start_time, end_time)

    def get_framework_metrics(self, start_time: float, end_time: float) -> list[Any]:
        return self.framework_metrics_reader.get_events(start_time, end_time)

"""The profile of a job: the machine's metrics and the framework's spans of time."""

from gridwatch_rules.rules.custom.smdebug.profiler.algorithm_metrics_reader import (
    LocalAlgorithmMetricsReader,
    S3AlgorithmMetricsReader,
)
from gridwatch_rules.rules.custom.smdebug.profiler.metrics_reader_base import MetricsReaderBase
from gridwatch_rules.rules.custom.smdebug.profiler.system_metrics_reader import (
    LocalSystemMetricsReader,
    S3SystemMetricsReader,
)
from gridwatch_rules.rules.custom.smdebug.profiler.system_profiler_file_parser import (
    ProfilerSystemEvents,
    SystemProfilerEventParser,
)
from gridwatch_rules.rules.custom.smdebug.profiler.tf_profiler_parser import (
    HorovodProfilerEvents,
    SMDataParallelProfilerEvents,
    SMProfilerEvents,
    TensorboardProfilerEvents,
)
from gridwatch_rules.rules.custom.smdebug.profiler.trace_event_file_parser import TraceEvent, TraceEventParser

__all__ = [
    "HorovodProfilerEvents",
    "LocalAlgorithmMetricsReader",
    "LocalSystemMetricsReader",
    "MetricsReaderBase",
    "ProfilerSystemEvents",
    "S3AlgorithmMetricsReader",
    "S3SystemMetricsReader",
    "SMDataParallelProfilerEvents",
    "SMProfilerEvents",
    "SystemProfilerEventParser",
    "TensorboardProfilerEvents",
    "TraceEvent",
    "TraceEventParser",
]

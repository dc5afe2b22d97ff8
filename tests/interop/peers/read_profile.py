"""What smdebug's metrics readers, and its data frames over them, see of a profile: a folder or s3://bucket/prefix."""

import json
import sys

from smdebug.profiler.algorithm_metrics_reader import LocalAlgorithmMetricsReader, S3AlgorithmMetricsReader
from smdebug.profiler.analysis.utils.pandas_data_analysis import PandasFrameAnalysis
from smdebug.profiler.analysis.utils.profiler_data_to_pandas import PandasFrame
from smdebug.profiler.analysis.utils.pytorch_dataloader_analysis import PT_dataloader_analysis
from smdebug.profiler.system_metrics_reader import LocalSystemMetricsReader, S3SystemMetricsReader

path = sys.argv[1]
in_s3 = path.startswith("s3://")
system = (S3SystemMetricsReader if in_s3 else LocalSystemMetricsReader)(path)
framework = (S3AlgorithmMetricsReader if in_s3 else LocalAlgorithmMetricsReader)(path)
LATER = 4_000_000_000 * 1_000_000  # microseconds since 1970
answer = {
    "system": [
        [each.type, each.name, each.dimension, each.value, each.node_id, each.timestamp]
        for each in system.get_events(0, LATER)
    ],
    "framework": [
        [each.event_phase, each.event_name, each.start_time, each.duration, each.node_id, each.event_args]
        for each in framework.get_events(0, LATER)
    ],
    "by_step": len(framework.get_events_by_step(1, 3)),
}
if not in_s3:
    frame = PandasFrame(path)
    metrics, spans = frame.get_all_system_metrics(), frame.get_all_framework_metrics()
    answer["frames"] = [len(metrics), len(spans)]
    steps = spans[spans["process"].str.startswith("Step")].copy()
    answer["initialization"] = float(PandasFrameAnalysis(metrics, steps).get_job_statistics()["initialization"])
    loading = PT_dataloader_analysis(frame)
    answer["loading"] = [len(loading.dataIter_metric), len(loading.initialize_metric), len(loading.dataWorker_metric)]
sys.stdout.write("ANSWER " + json.dumps(answer) + "\n")

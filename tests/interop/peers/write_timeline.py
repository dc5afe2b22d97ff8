"""smdebug's own timeline writer: writes steps and data loading below a folder, as its hooks do."""

import json
import os
import sys
from pathlib import Path

from smdebug.core.tfevent.timeline_file_writer import TimelineFileWriter
from smdebug.core.utils import FRAMEWORK
from smdebug.profiler.profiler_config_parser import get_profiler_config_parser

folder, began = sys.argv[1], float(sys.argv[2])
settings = Path(folder, "profilerconfig.json")
settings.write_text(json.dumps({"ProfilingParameters": {"LocalPath": folder}}))
os.environ["SMPROFILER_CONFIG_PATH"] = str(settings)
parser = get_profiler_config_parser(FRAMEWORK.PYTORCH)
parser.config.local_path = folder  # the parser puts all it reads into lower case
writer = TimelineFileWriter(parser)
for step in range(5):
    name = "Step:ModeKeys.TRAIN"
    at = began + step
    writer.write_trace_events(
        training_phase=name, op_name=name, timestamp=at, duration=0.25, pid=os.getpid(), step_num=str(step)
    )
    writer.write_trace_events(training_phase="DataLoaderIter", op_name="DataLoaderIter::GetNext", timestamp=at + 0.5,
                              duration=0.125, worker_id=3)  # fmt: skip
writer.close()

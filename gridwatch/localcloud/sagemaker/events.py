"""SageMaker's events, as EventBridge gets them."""

import json
from typing import Any

from gridwatch.localcloud.sagemaker.records import TrainingJob, event_detail

SOURCE = "aws.sagemaker"
DETAIL_TYPE = "SageMaker Training Job State Change"


def state_change(job: TrainingJob) -> dict[str, Any]:
    """A PutEvents entry for the job's present state."""
    return {
        "Source": SOURCE,
        "DetailType": DETAIL_TYPE,
        "Resources": [job.arn],
        "Detail": json.dumps(event_detail(job)),
    }

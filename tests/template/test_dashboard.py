"""The dashboard shows metrics that somebody counts, of the functions and queues that are deployed."""

from __future__ import annotations

import json
from pathlib import Path

from infra.constructs.dashboard import OWN_METRICS
from tests.template.synthesized import Synthesized

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"


def test_every_metric_is_one_that_its_function_counts() -> None:
    shown = [each for metrics in OWN_METRICS.values() for each in metrics]
    missing = [(s, m) for s, m in shown if f'"{m}"' not in (FUNCTIONS / s / "handler.py").read_text()]
    assert missing == []


def test_pace_queues_findings_and_errors_of_this_deployment_are_shown(synthesized: Synthesized) -> None:
    (dashboard,) = synthesized.of_type("AWS::CloudWatch::Dashboard").values()
    assert dashboard["DashboardName"] == "gridwatch"
    body = json.dumps(dashboard["DashboardBody"])
    deployed = synthesized.of_type("AWS::Lambda::Function").values()
    functions = {each["FunctionName"] for each in deployed}
    shown = {f"gridwatch-{s.replace('_', '-')}" for metrics in OWN_METRICS.values() for s, _ in metrics}
    assert shown <= functions
    for word in ("TrialStarted", "ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", *shown):
        assert word in body

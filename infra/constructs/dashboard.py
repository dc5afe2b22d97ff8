"""The deployment's dashboard: launch pace, queues, findings, stops, errors, and the money spent and saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.settings import DeploymentSettings

NAMESPACE = "Gridwatch"  # the service's name in the functions' metrics
_MINUTE = cdk.Duration.minutes(1)
_WIDTH, _HEIGHT = 12, 6  # of the dashboard's 24 columns
# Title -> (service, metric), as the functions name them.
OWN_METRICS: Mapping[str, Sequence[tuple[str, str]]] = {
    "Launching, trials a minute": (
        ("launch_grid", "TrialsRecorded"),
        ("start_trials", "TrialStarted"),
        ("start_trials", "LaunchDeferred"),
        ("start_trials", "LaunchThrottled"),
        ("start_trials", "TrialRefused"),
    ),
    "Jobs": (("track_job", "JobBegun"), ("track_job", "JobTracked"), ("sweep", "SweepStates")),
    "Findings and stops": (
        ("evaluate_rules", "RuleStatusChanged"),
        ("react_to_finding", "ReactionStop"),
        ("react_to_finding", "ReactionWouldStop"),
        ("deliver_alert", "AlertSent"),
    ),
    "Time on instances: spent, and saved by stops, seconds": (
        ("track_job", "InstanceSeconds"),
        ("react_to_finding", "SecondsSaved"),
    ),
    "Saved by stops, in the currency of the prices (estimate)": (("react_to_finding", "CostSaved"),),
    "Looking at results": (
        ("snapshot_experiment", "SnapshotTaken"),
        ("evaluate_rules", "JobEvaluated"),
        ("evaluate_slow_rules", "SlowRuleEvaluated"),
    ),
    "Errors that Gridwatch counts": (
        ("launch_grid", "SpecRejected"),
        ("start_trials", "TrialUntracked"),
        ("track_job", "JobTrackingFailed"),
        ("track_job", "TrialComponentMissing"),
        ("evaluate_rules", "EvaluationFailed"),
        ("evaluate_slow_rules", "SlowRuleFailed"),
        ("react_to_finding", "ReactionFailed"),
        ("react_to_finding", "SavingsNotEstimated"),
        ("deliver_alert", "AlertNotDelivered"),
        ("snapshot_experiment", "SnapshotFailed"),
    ),
}


class Dashboard(Construct):
    """The dashboard. Everything is counted in sums a minute, for this deployment's names alone."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: DeploymentSettings,
        queues: Mapping[str, sqs.IQueue],
    ) -> None:
        super().__init__(scope, id_)
        own = [_graph(title, [_own(*each) for each in metrics]) for title, metrics in OWN_METRICS.items()]
        services = dict.fromkeys(service for metrics in OWN_METRICS.values() for service, _ in metrics)
        names = [f"{settings.name_prefix}-{service.replace('_', '-')}" for service in services]
        lambda_errors = [_of_function(name, metric) for name in names for metric in ("Errors", "Throttles")]
        depth = [each.metric_approximate_number_of_messages_visible(period=_MINUTE) for each in queues.values()]
        age = [each.metric_approximate_age_of_oldest_message(period=_MINUTE) for each in queues.values()]
        graphs = [*own, _graph("Failed and throttled invocations", lambda_errors)]
        graphs += [_graph("Queue depth, messages", depth), _graph("Oldest message, seconds", age)]
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=settings.name_prefix,
            period_override=cloudwatch.PeriodOverride.AUTO,
            widgets=[list(graphs[place : place + 2]) for place in range(0, len(graphs), 2)],
        )


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=_WIDTH, height=_HEIGHT)


def _own(service: str, metric: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=metric,
        dimensions_map={"service": service},
        statistic="Sum",
        period=_MINUTE,
        label=metric,
    )


def _of_function(name: str, metric: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name=metric,
        dimensions_map={"FunctionName": name},
        statistic="Sum",
        period=_MINUTE,
        label=f"{name} {metric.lower()}",
    )

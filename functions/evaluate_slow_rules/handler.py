"""The entry point for requests from the queue `slow`, one at a time."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from evaluate_slow_rules.evaluating import SlowEvaluator, SlowRuleOutcome
from evaluate_slow_rules.settings import Settings
from gridwatch.aws.custom_rules import LambdaCustomRules
from gridwatch.aws.event_bus import EventBridgeBus
from gridwatch.aws.report_bucket import ReportBucket
from gridwatch.aws.state_table import StateTable
from gridwatch.aws.tensor_source import job_source
from gridwatch.aws.unreadable_records import telling
from gridwatch.events.messages import EvaluateSlowRule
from gridwatch.events.rule_status_publisher import RuleStatusPublisher
from gridwatch.events.slow_rule import slow_rule_request
from gridwatch.events.sqs import QueuedBody, partial_response, queued_bodies
from gridwatch.settings import read_settings
from gridwatch_rules.clock import SystemClock
from gridwatch_rules.tensors.reader import TensorReader
from gridwatch_rules.tensors.source import TensorSource

logger = Logger(service="evaluate_slow_rules")
metrics = Metrics(namespace="Gridwatch", service="evaluate_slow_rules")


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Turn an SQS event into a partial batch response: what could not be done now comes again."""
    del context
    return partial_response(body.message_id for body in queued_bodies(event) if not _evaluated(body))


def _evaluated(body: QueuedBody) -> bool:
    try:
        _evaluate(slow_rule_request(body.parsed()))
    except Exception as error:  # the edge: the message comes again, and at last lies among the dead letters
        logger.error("rule could not be evaluated", message_id=body.message_id, exc_info=error)
        metrics.add_metric("SlowRuleFailed", MetricUnit.Count, 1)
        if body.deliveries >= _settings().max_deliveries:
            _give_up(body, error)
        return False
    return True


def _give_up(body: QueuedBody, reason: Exception) -> None:
    """Tell people that the rule has no verdict: nobody will look at it again."""
    try:
        _evaluator().give_up(slow_rule_request(body.parsed()), f"{type(reason).__name__}: {reason}")
    except Exception as error:  # the edge: what is no request, or telling fails as well; the dead letter remains
        logger.error("could not tell of a rule without a verdict", message_id=body.message_id, exc_info=error)


def _evaluate(request: EvaluateSlowRule) -> None:
    evaluated = _evaluator().evaluate(request)
    logger.info(
        "slow rule evaluated",
        job=request.job_name,
        rule=request.rule_name,
        ended=request.ended,
        outcome=evaluated.outcome,
        status=evaluated.status,
        details=evaluated.details,
    )
    metrics.add_metric("SlowRuleEvaluated", MetricUnit.Count, 1)
    if evaluated.outcome is SlowRuleOutcome.CHANGED:
        metrics.add_metric("RuleStatusChanged", MetricUnit.Count, 1)


def _render(source: TensorSource, title: str) -> str:
    # Figures need matplotlib, which takes a second to import; custom rules do not wait for it.
    from gridwatch.reports.xgboost_report import create_report  # noqa: PLC0415

    return create_report(TensorReader(source), title)


@cache
def _settings() -> Settings:
    return read_settings(Settings)


@cache
def _evaluator() -> SlowEvaluator:
    settings = _settings()
    store = StateTable(settings.state_table, noted=telling(logger.error))
    function = settings.custom_rule_function
    return SlowEvaluator(
        store=store,
        publisher=RuleStatusPublisher(store=store, bus=EventBridgeBus(settings.event_bus_name), clock=SystemClock()),
        custom_rules=LambdaCustomRules(function) if function else None,
        open_tensors=lambda job: job_source(settings.artifacts_bucket, job.job_name, job.tensors_uri),
        render=_render,
        reports=ReportBucket(settings.artifacts_bucket),
    )

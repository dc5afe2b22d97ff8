"""The entry point for one run of one custom rule over one job; only evaluate_slow_rules invokes it."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from gridwatch.settings import inherited, read_settings
from gridwatch_rules.rules.custom.answer import as_answer
from gridwatch_rules.rules.custom.run import CustomRun
from run_custom_rule.running import CustomRuleRunner
from run_custom_rule.settings import Settings

logger = Logger(service="run_custom_rule")

# What a process needs to run Python and to read S3 as this function.
_INHERITED = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_USE_FIPS_ENDPOINT", "LD_LIBRARY_PATH", "LANG", "PATH", "TZ",
    "TMPDIR",
)  # fmt: skip


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Turn a run (gridwatch_rules.rules.custom.run) into an answer (gridwatch_rules.rules.custom.answer)."""
    del context
    run = CustomRun.from_json(event)
    found = _runner().run(run)
    if isinstance(found, str):
        logger.warning("rule could not be run", job=run.job_name, rule=run.class_name, reason=found)
        return {"try_again": found}
    logger.info("rule was run", job=run.job_name, rule=run.class_name, status=found.status, source=run.source)
    return as_answer(found)


@cache
def _runner() -> CustomRuleRunner:
    settings = read_settings(Settings)
    return CustomRuleRunner(
        artifacts_bucket=settings.artifacts_bucket,
        allowed=tuple(filter(None, settings.custom_rule_sources.split(","))),
        seconds=settings.custom_rule_seconds,
        # Lambda puts the layers on this process's path and not on that of its children.
        environment={**inherited(*_INHERITED), "PYTHONPATH": ":".join(filter(None, sys.path))},
    )

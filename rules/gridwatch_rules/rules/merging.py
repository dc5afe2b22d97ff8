"""Merges the outcomes of a rule that is evaluated separately on each source of a job (the hook's tensors, its log)."""

from __future__ import annotations

from collections.abc import Mapping

from gridwatch_rules.rules.status_change import RuleEvaluation
from gridwatch_rules.status import RuleStatus

# The first of these statuses that any source has becomes the rule's. A rule that failed on a source does not watch the
# whole job, and it saw nothing only when it could judge in no source.
_ORDER = (
    RuleStatus.ISSUES_FOUND,
    RuleStatus.ERROR,
    RuleStatus.IN_PROGRESS,
    RuleStatus.NO_ISSUES_FOUND,
    RuleStatus.SAW_NOTHING,
)


def merged(by_source: Mapping[str, RuleEvaluation]) -> RuleEvaluation:
    """Merge the outcomes by source, of which there is at least one."""
    status = min((found.status for found in by_source.values()), key=_ORDER.index)
    return next(found for found in by_source.values() if found.status is status)

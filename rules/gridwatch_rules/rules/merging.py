"""One outcome of a rule that is evaluated on each source of a job (the hook's tensors, its log) by itself."""

from __future__ import annotations

from collections.abc import Mapping

from gridwatch_rules.rules.status_change import RuleEvaluation
from gridwatch_rules.status import RuleStatus

# The first of these that any source came to is the rule's. One that failed on a source does not watch all of the job,
# and it saw nothing only when no source let it judge.
_ORDER = (
    RuleStatus.ISSUES_FOUND,
    RuleStatus.ERROR,
    RuleStatus.IN_PROGRESS,
    RuleStatus.NO_ISSUES_FOUND,
    RuleStatus.SAW_NOTHING,
)


def merged(by_source: Mapping[str, RuleEvaluation]) -> RuleEvaluation:
    """The outcome over all sources, by their names, of which there is at least one."""
    status = min((found.status for found in by_source.values()), key=_ORDER.index)
    return next(found for found in by_source.values() if found.status is status)

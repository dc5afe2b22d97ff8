"""Runs one rule over a tensor folder, in one call or in many, as live evaluation does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.status_change import RuleEvaluation
from gridwatch_rules.tensors.reader import TensorReader
from tests.tensor_folder import TensorFolder

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def judge(folder: TensorFolder, rule: str, splits: Sequence[int] = (), **parameters: Any) -> RuleEvaluation:
    """The rule's evaluation when the job is over. `splits`: evaluated after each of these steps had arrived as well,
    by a new process every time.
    """
    configurations = [RuleConfiguration("it", rule, parameters)]
    saved: Mapping[str, Any] | None = None
    for until in [*sorted(splits), None]:
        evaluation = Evaluation.restore(configurations, saved) if saved else Evaluation.create(configurations)
        evaluation.advance(TensorReader(folder.source(until)), now=NOW, ended=until is None)
        saved = json.loads(json.dumps(evaluation.save(), allow_nan=False))
    return evaluation.statuses["it"]


def find(folder: TensorFolder, rule: str, **parameters: Any) -> Finding | None:
    """What the rule finds, checked to be the same when the steps come one by one, by twos, and at once."""
    whole = judge(folder, rule, **parameters)
    assert whole.status != "Error", whole.details
    for splits in (folder.steps, folder.steps[::2]):
        assert as_told(judge(folder, rule, splits, **parameters)) == as_told(whole)
    return whole.finding


def as_told(evaluation: RuleEvaluation) -> tuple[Any, ...]:
    """An evaluation as comparable values (a finding may hold NaN, which equals nothing)."""
    return evaluation.status, evaluation.details, evaluation.finding and evaluation.finding.as_json()

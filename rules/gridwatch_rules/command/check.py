"""The commands `gridwatch-rules check`, which runs one rule on a folder of tensors, and `gridwatch-rules list`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gridwatch_rules.clock import SystemClock
from gridwatch_rules.command.output import print_json, print_rows, say
from gridwatch_rules.command.settings import environment
from gridwatch_rules.failures import GridwatchError
from gridwatch_rules.judgement.catalogue import judgement_rule_class, judgement_rule_names
from gridwatch_rules.places import Opener
from gridwatch_rules.rules.catalogue import rule_class, rule_names
from gridwatch_rules.status import RuleStatus

if TYPE_CHECKING:
    from gridwatch_rules.judgement.rule import JudgementRule
    from gridwatch_rules.rules.rule import Rule
    from gridwatch_rules.rules.status_change import RuleEvaluation


class UsageError(Exception):
    """The command was called wrongly; the message says how."""


def run_check(asked: Namespace) -> int:
    """Exit code 0: no issues found, 3: issues found, 2: error, 4: the rule saw nothing that it could judge by."""
    # numpy is slow to import, and listing needs none
    from gridwatch_rules.checking import EXIT_CODES, Following, check  # noqa: PLC0415
    from gridwatch_rules.rules.status_change import RuleEvaluation  # noqa: PLC0415

    given = parsed(asked.parameter)
    try:
        found = check(
            asked.path,
            asked.rule,
            given,
            opener=Opener(environment=environment()),
            following=Following(SystemClock()) if asked.follow else None,
            seconds=asked.time_limit,
        )
    except (GridwatchError, OSError, LookupError, ValueError) as error:
        found = RuleEvaluation(RuleStatus.ERROR, str(error))
    _tell(asked.rule, found, as_json=asked.json)
    return EXIT_CODES[found.status]


def run_list(asked: Namespace) -> int:
    """Print every rule with what it looks for."""
    known: list[type[Rule] | type[JudgementRule]] = [rule_class(name) for name in rule_names()]
    known += [judgement_rule_class(name) for name in judgement_rule_names()]
    rows = [{"name": rule.name, "scope": str(rule.scope), "summary": rule.summary} for rule in known]
    rows.sort(key=lambda row: row["name"])
    print_rows(("name", "scope", "summary"), rows, as_json=asked.json, empty="no rules")
    return 0


def parsed(pairs: Sequence[str]) -> dict[str, str]:
    """Parse `KEY=VALUE` pairs. Raises UsageError."""
    for pair in pairs:
        if "=" not in pair:
            raise UsageError(f"--parameter: {pair!r} is no KEY=VALUE")
    return dict(pair.split("=", 1) for pair in pairs)


def _tell(rule: str, found: RuleEvaluation, *, as_json: bool) -> None:
    finding = found.finding
    if as_json:
        document = {
            "rule": rule,
            "status": found.status.value,
            "step": finding.step if finding else None,
            "details": found.details,
            "finding": finding.as_json() if finding else None,
        }
        print_json(document)
        return
    say(f"{rule}: {found.status.value}" + (f" at step {finding.step}" if finding else ""))
    if finding or found.details:
        say(finding.sentence if finding else found.details)

"""`gridwatch rules`: lists the rules, and evaluates one over a folder of tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.output import cell, console, print_json, print_rows
from gridwatch_rules.checking import EXIT_CODES, Following
from gridwatch_rules.checking import check as evaluate
from gridwatch_rules.clock import SystemClock
from gridwatch_rules.failures import GridwatchError
from gridwatch_rules.judgement.catalogue import judgement_rule_class, judgement_rule_names
from gridwatch_rules.rules.catalogue import rule_class, rule_names
from gridwatch_rules.rules.parameters import Parameter, declared
from gridwatch_rules.rules.status_change import RuleEvaluation
from gridwatch_rules.status import RuleStatus

if TYPE_CHECKING:
    from gridwatch_rules.judgement.rule import JudgementRule
    from gridwatch_rules.rules.rule import Rule

app = typer.Typer(no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

_COLUMNS = ("name", "scope", "parameters", "collections", "summary")


@app.command("list")
def list_rules(as_json: JsonOption = False) -> None:
    """List the rules: parameters with their defaults, the collections they need, and what they look for. Those of scope
    `experiment` look across trials.
    """
    known: list[type[Rule] | type[JudgementRule]] = [rule_class(name) for name in rule_names()]
    known += [judgement_rule_class(name) for name in judgement_rule_names()]
    rules = sorted(known, key=lambda rule: rule.name)
    if as_json:
        print_json([_described(rule) for rule in rules])
        return
    rows = [
        {
            "name": rule.name,
            "scope": str(rule.scope),
            "parameters": " ".join(f"{each.name}={_in_words(each.default)}" for each in declared(rule.Parameters)),
            "collections": " ".join(each.name for each in rule.collect),
            "summary": rule.summary,
        }
        for rule in rules
    ]
    print_rows(_COLUMNS, rows, as_json=False, empty="no rules")


@app.command("check")
def check(
    context: typer.Context,
    path: Annotated[str, typer.Argument(help="A folder of tensors (a path, or s3://bucket/prefix), or a trial.")],
    *,
    rule: Annotated[str, typer.Option(help="Name of a rule, or FILE.py:ClassName for one of your own.")],
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", metavar="KEY=VALUE", help="A parameter of the rule.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the job has ended or the rule fired.")] = False,
    time_limit: Annotated[float, typer.Option(help="Seconds that a rule of your own may take.", min=0.1)] = 300.0,
    any_package: Annotated[
        bool, typer.Option("--any-package", help="A rule of your own may import what the deployed function lacks.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Evaluate one rule over tensors. Exit code 0: no issues found, 3: issues found, 2: error, 4: it saw nothing that
    it could judge by.
    """
    cloud = cloud_of(context)
    try:
        asked = _parsed(parameter or [])
        found = _check(cloud, path, rule, asked, time_limit, follow=follow, as_deployed=not any_package)
    except (GridwatchError, CliError, OSError, LookupError, ValueError) as error:
        found = RuleEvaluation(RuleStatus.ERROR, str(error))
    _tell(rule, found, as_json=as_json)
    raise typer.Exit(EXIT_CODES[found.status])


def _check(
    cloud: Cloud,
    path: str,
    rule: str,
    parameters: Mapping[str, str],
    seconds: float,
    *,
    follow: bool,
    as_deployed: bool,
) -> RuleEvaluation:
    from gridwatch.cli.openers import environment_for, opener_of, tensors_of  # noqa: PLC0415  numpy is slow to import

    path = tensors_of(path, cloud)
    opener = opener_of(cloud, environment_for(path) if ":" in rule else None)
    following = Following(SystemClock()) if follow else None
    return evaluate(
        path, rule, parameters, opener=opener, following=following, seconds=seconds, as_deployed=as_deployed
    )


def _parsed(pairs: Sequence[str]) -> dict[str, str]:
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]!r} is no KEY=VALUE", param_hint="--parameter")
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
    console().print(f"{rule}: {found.status.value}" + (f" at step {finding.step}" if finding else ""))
    if finding:
        console().print(finding.sentence)
    elif found.details:
        console().print(found.details)


def _described(rule: type[Rule] | type[JudgementRule]) -> dict[str, Any]:
    return {
        "name": rule.name,
        "summary": rule.summary,
        "scope": str(rule.scope),
        "parameters": [_described_parameter(each) for each in declared(rule.Parameters)],
        "collections": [{"name": each.name, "parameters": dict(each.parameters)} for each in rule.collect],
    }


def _described_parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "default": _shown(parameter.default),
        "required": parameter.required,
        "allowed": parameter.allowed,
        "meaning": parameter.meaning,
    }


def _shown(default: Any) -> Any:
    """A parameter as it is shown: lists as Debugger's strings."""
    if isinstance(default, tuple):
        return ",".join(f"{each:g}" if isinstance(each, float) else each for each in default) or None
    return default


def _in_words(default: Any) -> str:
    return str(default) if isinstance(default, bool) else cell(_shown(default))

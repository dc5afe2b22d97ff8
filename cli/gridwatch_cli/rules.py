"""`gridwatch rules`: which rules there are, and what one says of a folder of tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridwatch.clock import SystemClock
from gridwatch.failures import GridwatchError
from gridwatch.judgement.catalogue import judgement_rule_class, judgement_rule_names
from gridwatch.rules.catalogue import rule_class, rule_names
from gridwatch.rules.evaluation import RuleConfiguration, RuleEvaluation
from gridwatch.rules.parameters import Parameter, declared
from gridwatch.tensors.layout import STEP_PREFIXES
from gridwatch.verdicts.status import RuleStatus
from gridwatch_cli.context import Cloud, cloud_of
from gridwatch_cli.errors import CliError
from gridwatch_cli.local_state import recall, refuse_ended, state_file
from gridwatch_cli.output import cell, console, print_json, print_rows
from gridwatch_cli.rule_checks import Following, check_custom, check_profile, check_tensors, is_profiler_rule
from gridwatch_cli.settings import Environment, child_environment

if TYPE_CHECKING:
    from gridwatch.judgement.rule import JudgementRule
    from gridwatch.rules.rule import Rule
    from gridwatch.tensors.source import TensorSource

app = typer.Typer(no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

_EXIT = {
    RuleStatus.NO_ISSUES_FOUND: 0,
    RuleStatus.ISSUES_FOUND: 3,
    RuleStatus.ERROR: 2,
    RuleStatus.SAW_NOTHING: 4,
}
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
    raise typer.Exit(_EXIT[found.status])


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
    from gridwatch_cli.tensor_paths import open_location, opener, tensors_of  # noqa: PLC0415  numpy is slow to import

    clock = SystemClock()
    following = Following(clock) if follow else None
    path = tensors_of(path, cloud)
    source = open_location(path, cloud)
    if ":" in rule:
        from gridwatch.rules.custom.recorded import holds_profile  # noqa: PLC0415  as above
        from gridwatch.rules.custom.runner import CustomRule  # noqa: PLC0415  as above

        if not (follow or holds_profile(source)):
            _require_tensors(source, path)
        custom = CustomRule.parse(rule, parameters)
        location = str(Path(path).resolve()) if "://" not in path else path
        return check_custom(
            custom, location, source, _environment(path), seconds=seconds, following=following, as_deployed=as_deployed
        )
    configuration = RuleConfiguration(rule, rule, parameters)
    if is_profiler_rule(rule, parameters):
        return check_profile(source, configuration)
    if not follow:
        _require_tensors(source, path)
    return check_tensors(source, opener(cloud), configuration, clock, following)


def _require_tensors(source: TensorSource, path: str) -> None:
    """Of a job that saved nothing its hook's collections are there all the same."""
    if any(source.keys(prefix, limit=1) for prefix in STEP_PREFIXES):
        return
    if source.keys("events/", limit=1):
        raise FileNotFoundError(f"{path} is damaged: it has events files but no index")
    if not source.keys("collections/", limit=1):
        raise FileNotFoundError(f"there are no tensors in {path}")


def _environment(path: str) -> dict[str, str]:
    """Ours; for S3, as other commands do, the local cloud's if one is running and nothing else is said."""
    if not path.startswith("s3://") or Environment.read().endpoint_url is not None:
        return child_environment()
    cloud = recall(state_file())
    if cloud is None:
        refuse_ended(state_file())
    return child_environment(**(cloud.environment() if cloud else {}))


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
    """Lists as Debugger's strings."""
    if isinstance(default, tuple):
        return ",".join(f"{each:g}" if isinstance(each, float) else each for each in default) or None
    return default


def _in_words(default: Any) -> str:
    return str(default) if isinstance(default, bool) else cell(_shown(default))

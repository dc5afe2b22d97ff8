"""`gridwatch plan`: what a spec would launch, worked out on this machine alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridwatch.clock import SystemClock
from gridwatch_cli.errors import CliError
from gridwatch_cli.output import console, print_json, table
from gridwatch_cli.submit import read_file

if TYPE_CHECKING:
    from gridwatch.launch.plan import Plan

# pydantic takes a while to import: only commands that read specs pay for it.
# ruff: noqa: PLC0415

_DEFAULT_REGION = "us-east-1"
_ACCOUNT = "123456789012"
_NOTE = (
    "planned offline: the versions of the data and of the training code are not known here, so the ten hex digits in "
    "the names will be others, and account, buckets and role in a request are placeholders"
)


def plan(
    spec: Annotated[Path, typer.Argument(help="The experiment spec, YAML or JSON.")],
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    request: Annotated[
        int | None, typer.Option("--request", min=0, help="Print the CreateTrainingJob request of trial N (from 0).")
    ] = None,
    region: Annotated[str, typer.Option(help="Where it would be launched.", envvar="AWS_REGION")] = _DEFAULT_REGION,
) -> None:
    """Show the trials that a spec makes, without launching anything. Needs no AWS account."""
    made = _planned(spec, region, as_json=as_json)
    if request is not None:
        print_json(_request(made, request))
    elif as_json:
        print_json(_document(made))
    else:
        _print(made, str(spec))


def _planned(spec: Path, region: str, *, as_json: bool) -> Plan:
    from gridwatch.launch.images import UnknownRegionError
    from gridwatch.launch.plan import make_plan
    from gridwatch.spec.parse import parse_spec
    from gridwatch.spec.problems import SpecError

    try:
        parsed = parse_spec(read_file(spec), today=SystemClock().now().date())
        # No data is looked at: every channel counts as empty, so that the same spec gives the same plan.
        return make_plan(parsed, _deployment(region), {name: {} for name in parsed.spec.data})
    except SpecError as error:
        if as_json:
            print_json(error.as_document())
        raise CliError(f"{error}:\n{error.as_text(str(spec))}") from error
    except UnknownRegionError as error:
        raise CliError(str(error)) from error


def _deployment(region: str) -> Any:
    from gridwatch.launch.template import Deployment

    return Deployment(
        region=region,
        name_prefix="gridwatch",
        experiments_bucket=f"gridwatch-experiments-{_ACCOUNT}-{region}",
        artifacts_bucket=f"gridwatch-artifacts-{_ACCOUNT}-{region}",
        job_role_arn=f"arn:aws:iam::{_ACCOUNT}:role/gridwatch-training-job",
        xgboost_source_uri=f"s3://gridwatch-artifacts-{_ACCOUNT}-{region}/source/sourcedir.tar.gz",
    )


def _document(made: Plan) -> dict[str, Any]:
    return {
        "experiment": made.experiment,
        "count": made.count,
        "parallel_jobs": made.spec.limits.parallel_jobs,
        "trials": [{"name": trial.name, "hyperparameters": dict(trial.hyperparameters)} for trial in made.trials],
        "rules": [{"name": rule.name, "rule": rule.rule, "on_issue": rule.on_issue} for rule in made.policies],
        "warnings": [warning.as_document() for warning in made.warnings],
        "note": _NOTE,
    }


def _request(made: Plan, number: int) -> dict[str, Any]:
    from gridwatch.launch.plan import waiting_trial
    from gridwatch.launch.request import training_request

    if number >= made.count:
        raise CliError(f"there is no trial {number}: the plan has {made.count}, counted from 0")
    trial = waiting_trial(made.trials[number], made.spec, SystemClock().now())
    bucket = made.template["OutputDataConfig"]["S3OutputPath"].split("/")[2]
    return training_request(made.template, trial, name_prefix="gridwatch", artifacts_bucket=bucket)


def _print(made: Plan, source: str) -> None:
    out, err = console(), console(stderr=True)
    fixed = {name: value for name, value in made.spec.hyperparameters.items() if name not in made.spec.factors}
    resources = made.spec.resources
    out.print(f"experiment {made.experiment}: {made.count} trial{'s' if made.count > 1 else ''}", highlight=False)
    out.print(
        f"each on {resources.instance_count} x {resources.instance_type}, at most {resources.max_runtime} s; "
        f"{made.spec.limits.parallel_jobs} at one time"
    )
    if fixed:
        out.print(f"the same for all: {_pairs(fixed)}", markup=False)
    for rule in made.policies:
        out.print(f"rule {rule.name}: {rule.on_issue} on an issue ({_pairs(rule.parameters)})", markup=False)
    out.print(table(["", "training job", *made.spec.factors], _rows(made)))
    for warning in made.warnings:
        err.print(f"warning: {warning.as_text(source)}", markup=False)
    err.print(_NOTE, markup=False)


def _rows(made: Plan) -> Sequence[Sequence[object]]:
    factors = made.spec.factors
    return [[trial.index, trial.name, *(trial.hyperparameters[name] for name in factors)] for trial in made.trials]


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} = {value if isinstance(value, str) else json.dumps(value)}" for name, value in values.items()
    )

"""`gridwatch plan`: what a spec would launch, for a deployment within reach or for none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridwatch.cli.context import cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.launch_site import Deployed, LaunchSite, Nowhere
from gridwatch.cli.output import console, print_json, print_table
from gridwatch.cli.script_packages import missing_packages, print_packages
from gridwatch.cli.sources import packed_source
from gridwatch.cli.submit import read_file
from gridwatch.savings.money import money
from gridwatch.storage.layout import s3_uri
from gridwatch_rules.clock import SystemClock
from gridwatch_rules.judgement.expected import expected_of
from gridwatch_rules.wording import counted

if TYPE_CHECKING:
    from gridwatch.domain.notices import Report
    from gridwatch.domain.rules import RulePolicy
    from gridwatch.launch.deployment import Deployment
    from gridwatch.launch.plan import Plan, PlannedTrial
    from gridwatch.launch.preview import Preview
    from gridwatch.launch.template import Inputs
    from gridwatch.spec.parse import ParsedSpec

# pydantic takes a while to import: only commands that read specs pay for it.
# ruff: noqa: PLC0415

AWS_REGION = Annotated[
    str, typer.Option(help="Where it would be launched, when no deployment is named.", envvar="AWS_REGION")
]
_BEST = "best-trial-of"  # stands for the bucket of a model that is only known when the spec is launched


def plan(
    context: typer.Context,
    spec: Annotated[Path, typer.Argument(help="The experiment spec, YAML or JSON.")],
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    request: Annotated[
        int | None,
        typer.Option(
            "--request", min=0, help="Print the CreateTrainingJob request of trial N (from 0); 0: a tuning job's."
        ),
    ] = None,
    region: AWS_REGION = "us-east-1",
) -> None:
    """Show the trials that a spec makes, without launching anything.

    For the deployment that --stack or AWS_ENDPOINT_URL names or that runs here (`gridwatch local up`); else offline.
    """
    site = site_of(context, region)
    parsed, made = planned(spec, site, as_json=as_json)
    packages = missing_packages(parsed.spec, spec.parent, site)
    if request is not None:
        print_json(_request(made, request, site.deployment))
    elif as_json:
        report = _glance(parsed, made, site)
        print_json({**_document(made, report, site.note), "packages": packages})
    else:
        _print(made, _glance(parsed, made, site), str(spec), site.note)
        print_packages(packages)


def site_of(context: typer.Context, region: str) -> LaunchSite:
    cloud = cloud_of(context)
    return Deployed(cloud) if cloud.is_named else Nowhere.create(region)


def planned(spec: Path, site: LaunchSite, *, as_json: bool) -> tuple[ParsedSpec, Plan]:
    """The plan of a spec. Raises CliError with every problem of the spec."""
    from gridwatch.launch.images import UnknownRegionError
    from gridwatch.launch.plan import make_plan
    from gridwatch.launch.processing import within_processing_quota
    from gridwatch.spec.parse import parse_spec
    from gridwatch.spec.problems import SpecError

    try:
        parsed = parse_spec(read_file(spec), today=SystemClock().now().date())
        made = make_plan(parsed, site.deployment, planned_inputs(parsed, spec.parent, site))
        return parsed, within_processing_quota(parsed, made, site.processing_instances)
    except SpecError as error:
        if as_json:
            print_json(error.as_document())
        raise CliError(f"{error}:\n{error.as_text(str(spec))}") from error
    except UnknownRegionError as error:
        raise CliError(str(error)) from error


def planned_inputs(parsed: ParsedSpec, folder: Path, site: LaunchSite) -> Inputs:
    """The inputs that an upload of the spec would find; the script is packed here as `submit` packs it."""
    from gridwatch.launch.template import Inputs

    packed = packed_source(parsed.spec.algorithm, folder)
    algorithm, start = parsed.spec.algorithm, parsed.spec.start_from
    from gridwatch.preflight.hook_use import hooks_of

    return Inputs(
        etags=site.etags(parsed),
        source_uri=s3_uri(site.deployment.experiments_bucket, packed.key) if packed else algorithm.source,
        source_digest=packed.digest if packed else "",
        hooks=hooks_of(packed.content) if packed else None,
        model_uri=(start.model or f"s3://{_BEST}/{start.experiment}/model.tar.gz") if start else None,
    )


def _glance(parsed: ParsedSpec, made: Plan, site: LaunchSite) -> Report:
    """The notices that an upload of the spec would get; `gridwatch preflight` looks at more of the data."""
    from gridwatch.cli.flight import checked
    from gridwatch.preflight.sampling import CHEAP

    return checked(made, site.data(parsed), CHEAP, open_uri=site.open_uri)


def _document(made: Plan, report: Report, note: str) -> dict[str, Any]:
    from gridwatch.launch.seen import seen_of

    return {
        "experiment": made.experiment,
        "count": made.count,
        "parallel_jobs": made.parallel_jobs,
        "trials": [_trial(trial) for trial in made.trials],
        "engine": made.engine,
        "hook": [seen.as_document() for seen in seen_of(made)],
        "rules": [_rule(rule) for rule in made.policies],
        "warnings": [warning.as_document() for warning in made.warnings],
        **({"tuning_job": made.tuning["HyperParameterTuningJobName"]} if made.tuning is not None else {}),
        "preview": _preview(made).as_document(),
        "preflight": report.as_document(),
        "note": note,
    }


def _preview(made: Plan) -> Preview:
    from gridwatch.launch.preview import preview
    from gridwatch.savings.prices import PriceTable

    return preview(made, PriceTable.built_in())


def _told(bounds: Preview) -> str:
    hours = f"{bounds.instance_hours:,.1f} instance hours"
    if bounds.cost is None:
        return f"{hours}, whose cost is not known: no price of {', '.join(bounds.unpriced)}"
    return f"{hours}, {money(bounds.cost, bounds.currency)}"


def _looks(bounds: Preview) -> str:
    """How often a job is looked at, which part of the cost that is, and how late a stop comes."""
    seconds = bounds.look_seconds
    often = f"{seconds:,.0f} s" if seconds >= 2 else f"{seconds:.2g} s"
    late = f"{seconds / 2:,.0f} s" if seconds >= 4 else "a few seconds"
    share = f" ({100 * bounds.looks_cost / bounds.cost:.1f} % of the training)" if bounds.cost else ""
    looks = money(bounds.looks_cost, bounds.watching.currency)
    return f"looks of it {looks}{share}: one every {often}, so that a stop comes about {late} late"


def _trial(trial: PlannedTrial) -> dict[str, Any]:
    told = {"name": trial.name, "hyperparameters": dict(trial.hyperparameters)}
    return told | ({"settings": dict(trial.settings)} if trial.settings else {})


def _rule(rule: RulePolicy) -> dict[str, Any]:
    evaluated_by = "debugger" if rule.managed else "gridwatch"
    told: dict[str, Any] = {
        "name": rule.name,
        "rule": rule.rule,
        "on_issue": rule.on_issue,
        "evaluated_by": evaluated_by,
    }
    expected = expected_of(rule.rule, rule.parameters)
    told |= {"expected": expected.as_document()} if expected else {}
    return {**told, "source": rule.source} if rule.source else told


def _request(made: Plan, number: int, deployment: Deployment) -> dict[str, Any]:
    from gridwatch.launch.plan import waiting_trial
    from gridwatch.launch.request import training_request

    if made.tuning is not None and number == 0:
        return dict(made.tuning)
    if number >= len(made.trials):
        raise CliError(f"there is no trial {number}: the plan has {len(made.trials)}, counted from 0")
    trial = waiting_trial(made.trials[number], made.spec, SystemClock().now())
    return training_request(
        made.template, trial, name_prefix=deployment.name_prefix, artifacts_bucket=deployment.artifacts_bucket
    )


def _machines(made: Plan) -> str:
    """The machines of one job; where trials differ, all that occur."""
    from gridwatch.spec.search_space import INSTANCE_COUNT, INSTANCE_TYPE

    resources = made.spec.resources
    if resources.groups:
        return " + ".join(f"{count} x {kind}" for kind, count in resources.machines.items())
    kinds, counts = (
        dict.fromkeys(str(trial.settings.get(name, usual)) for trial in made.points)
        for name, usual in ((INSTANCE_TYPE, resources.instance_type), (INSTANCE_COUNT, resources.instance_count))
    )
    return f"{' or '.join(counts)} x {' or '.join(kinds)}"


def _print(made: Plan, report: Report, source: str, note: str) -> None:
    from gridwatch.launch.seen import seen_of
    from gridwatch.spec.search_space import factors_of

    out, err = console(), console(stderr=True)
    factors = factors_of(made.spec)
    fixed = {name: value for name, value in made.spec.hyperparameters.items() if name not in factors}
    resources = made.spec.resources
    out.print(f"experiment {made.experiment}: {made.count} trial{'s' if made.count > 1 else ''}", highlight=False)
    out.print(
        f"each on {_machines(made)}, at most {resources.max_runtime} s; {made.parallel_jobs} at one time",
        highlight=False,
    )
    if fixed:
        out.print(f"the same for all: {_pairs(fixed)}", markup=False)
    if made.engine != "gridwatch":
        where = "where the account has it, else Gridwatch" if made.engine == "auto" else "which the account must have"
        out.print(f"its rules are evaluated by SageMaker's own Debugger, {where}", highlight=False)
    for rule in made.policies:
        origin = f", {rule.rule} in {rule.source}" if rule.source else ""
        origin += ", by Debugger" if rule.managed else ""
        given = f" ({_pairs(rule.parameters)})" if rule.parameters else ""
        out.print(f"rule {rule.name}: {rule.on_issue} on an issue{given}{origin}", markup=False)
        if (expected := expected_of(rule.rule, rule.parameters)) is not None:
            out.print(f"  {expected.sentence()}", markup=False, highlight=False)
            out.print(f"  saved / killed in %: {expected.by_kind()}", markup=False, highlight=False)
    for line in (line for seen in seen_of(made) for line in seen.lines()):
        out.print(line, markup=False, highlight=False)
    varied = _varied(made)
    if made.tuning is None:
        print_table(out, ["", "training job", *varied], _rows(made, varied))
    else:
        _print_tuning(made)
    bounds = _preview(made)
    out.print(f"at most: {_told(bounds)}, over in {bounds.seconds / 3600:,.1f} h", markup=False, highlight=False)
    watching = bounds.watching
    out.print(f"watching it: at most {money(watching.cost, watching.currency)}, {_looks(bounds)}",
              markup=False, highlight=False)  # fmt: skip
    out.print(
        f"  {watching.requests:,.0f} requests, {watching.lambda_gb_seconds:,.0f} GB s of Lambda, "
        f"{watching.tensor_gb:,.3f} GB of tensors a month",
        markup=False, highlight=False,
    )  # fmt: skip
    err.print(f"assumed: {'; '.join(bounds.assumptions)}", markup=False)
    for quota in bounds.quotas:
        err.print(f"quota: {quota}", markup=False)
    for warning in made.warnings:
        err.print(f"warning: {warning.as_text(source)}", markup=False)
    for notice in report.notices:
        err.print(f"preflight: {notice.as_text()}", markup=False)
    err.print(note, markup=False)


def _print_tuning(made: Plan) -> None:
    """Print the strategy of a tuned spec, and for each range what SageMaker chooses from."""
    from gridwatch.spec.variants import variants

    out, tuning = console(), made.tuning or {}
    config = tuning["HyperParameterTuningJobConfig"]
    name = tuning["HyperParameterTuningJobName"]
    out.print(
        f"one tuning job {name}: {config['Strategy']}, at most {counted(made.count, 'job')}",
        markup=False,
        highlight=False,
    )
    rows = [
        ([variant.name] if variant.name else []) + [name, given.kinds[0], json.dumps(given.ends), given.scaling or "-"]
        for variant in variants(made.spec)
        for name, given in (variant.spec.tune.parameters if variant.spec.tune else {}).items()
    ]
    algorithm = ["algorithm"] if made.spec.tune is not None and made.spec.tune.algorithms else []
    print_table(out, [*algorithm, "hyperparameter", "range", "values", "scaling"], rows)


def _varied(made: Plan) -> list[str]:
    """What differs between trials, in the order of the spec."""
    from gridwatch.spec.search_space import names_of

    names = list(dict.fromkeys(name for _, name in names_of(made.spec)))
    return [*names, "repeat"] if any(trial.repeat for trial in made.trials) else names


def _rows(made: Plan, varied: Sequence[str]) -> Sequence[Sequence[object]]:
    known = ({**trial.hyperparameters, **trial.settings, "repeat": trial.repeat} for trial in made.trials)
    return [
        [trial.index, trial.name, *(values.get(name, "-") for name in varied)]
        for trial, values in zip(made.trials, known, strict=True)
    ]


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} = {value if isinstance(value, str) else json.dumps(value)}" for name, value in values.items()
    )

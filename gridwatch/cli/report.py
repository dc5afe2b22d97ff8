"""`gridwatch report`: one page about an experiment, or about one job from its tensors or its profile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridwatch.cli.context import cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.output import console
from gridwatch_rules.tensors.layout import STEP_PREFIXES

if TYPE_CHECKING:
    from gridwatch_rules.tensors.source import TensorSource

# numpy, matplotlib and duckdb are slow to import: only this command pays for them.
# ruff: noqa: PLC0415

_PROFILE = "profiler-output"


def report(  # noqa: PLR0917  options of the command line
    context: typer.Context,
    subject: Annotated[
        str,
        typer.Argument(
            help="Name of an experiment; or a folder of an XGBoost training's tensors or of a profile: a path, s3://..."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where the page goes; report.html, or <experiment>.html.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Its heading, of a folder; the path if not given.")] = None,
    tensors: Annotated[
        bool, typer.Option("--tensors", help="Of a trial or a folder: its layers over steps, histograms, importances.")
    ] = False,
    budget: Annotated[
        list[int] | None,
        typer.Option("--budget", help="Of an experiment: best at so many steps, or values in a log; several times."),
    ] = None,
) -> None:
    """Write one self-contained HTML page: an experiment's, its tensors', CreateXgboostReport's, ProfilerReport's."""
    from gridwatch_rules.tensors.errors import CorruptTensorError

    try:
        if tensors:
            target, page = output or Path("tensors.html"), _tensors(context, subject, title)
        elif _is_folder(subject) and not _is_experiment_too(context, subject):
            target, page = output or Path("report.html"), _page(context, subject, title or subject)
        else:
            target, page = output or Path(f"{subject}.html"), _experiment(context, subject, budget or [])
        target.write_text(page, encoding="utf-8")
    except (OSError, ValueError, CorruptTensorError) as error:
        raise CliError(str(error)) from error
    console().print(f"wrote {target}", markup=False)


def _is_folder(subject: str) -> bool:
    # An experiment's name has no slash; a folder that is here is meant before an experiment of its name.
    return "/" in subject or subject.startswith(".") or Path(subject).is_dir()


def _is_experiment_too(context: typer.Context, subject: str) -> bool:
    """Whether the folder holds no tensors (a folder with an experiment's script, say) and an experiment has its
    name.
    """
    from gridwatch.cli.openers import opener_of

    if "/" in subject or subject.startswith("."):
        return False
    cloud = cloud_of(context)
    opener = opener_of(cloud)
    if _holds(opener.open(subject), "system/", "framework/", f"{_PROFILE}/"):
        return False
    if _holds(opener.open_job(subject), *STEP_PREFIXES, "collections/"):
        return False
    return cloud.is_named and cloud.store.get_experiment(subject) is not None


def _tensors(context: typer.Context, subject: str, title: str | None) -> str:
    from gridwatch.cli.openers import opener_of, tensors_of
    from gridwatch.reports.tensor_report import create_tensor_report
    from gridwatch_rules.tensors.reader import TensorReader

    cloud = cloud_of(context)
    location = tensors_of(subject, cloud)
    source = opener_of(cloud).open(location)
    if not _holds(source, *STEP_PREFIXES, "collections/"):
        raise CliError(f"{location} holds no tensors: none were saved, or they have expired")
    return create_tensor_report(TensorReader(source), title or subject)


def _experiment(context: typer.Context, name: str, budgets: list[int]) -> str:
    from gridwatch.cli.experiment_facts import read_facts
    from gridwatch.reports.experiment.report import create_report

    return create_report(read_facts(cloud_of(context), name, budgets))


def _page(context: typer.Context, path: str, title: str) -> str:
    from gridwatch.cli.openers import opener_of

    opener = opener_of(cloud_of(context))
    source = opener.open(path)
    if _holds(source, "system/", "framework/"):
        return _profile(source, title)
    tensors = opener.open_job(path)
    if not _holds(tensors, *STEP_PREFIXES) and _holds(source, f"{_PROFILE}/"):
        return _profile(opener.open(f"{path.rstrip('/')}/{_PROFILE}"), title)
    if not _holds(tensors, *STEP_PREFIXES, "collections/"):
        raise CliError(f"{path} holds neither tensors nor a profile")
    from gridwatch.reports.xgboost_report import create_report
    from gridwatch_rules.tensors.reader import TensorReader

    return create_report(TensorReader(tensors), title)


def _profile(source: TensorSource, title: str) -> str:
    from gridwatch_rules.rules.evaluation import RuleConfiguration
    from gridwatch_rules.rules.profiler.evaluation import ProfileEvaluation
    from gridwatch_rules.rules.profiler.profiler_report import ProfilerReport
    from gridwatch_rules.rules.profiler.reader import ProfileReader

    evaluation = ProfileEvaluation.create([RuleConfiguration("report", "ProfilerReport")])
    evaluation.advance(ProfileReader(source), ended=True)
    found = evaluation.statuses["report"]
    rule = evaluation.rules["report"]
    if found.status == "Error" or not isinstance(rule, ProfilerReport):
        raise CliError(found.details)
    return rule.page(title)


def _holds(source: TensorSource, *prefixes: str) -> bool:
    return any(source.keys(prefix, limit=1) for prefix in prefixes)

"""`gridwatch demo`: the phases in their order, and what a newcomer reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from gridwatch.cli.context import Cloud
from gridwatch.cli.demo import dataset, story
from gridwatch.cli.demo.alerts import open_mailbox
from gridwatch.cli.demo.phases import Phases
from gridwatch.cli.demo.progress import progress
from gridwatch.cli.errors import CliError
from gridwatch.cli.experiments import rule_lines
from gridwatch.cli.local import deploy, interrupted_by_termination, running, started
from gridwatch.cli.output import console, print_json, print_table
from gridwatch.cli.queries import with_varied
from gridwatch.cli.settings import DEFAULT_STACK, kept_files, own_command, project_root
from gridwatch.cli.synthesis import synthesized
from gridwatch.cli.workshop import make_ready
from gridwatch.project import is_checkout
from gridwatch_rules.clock import SystemClock


@dataclass(frozen=True, slots=True)
class Places:
    """Where the demo finds its specs and leaves its files."""

    root: Path
    files: Path

    @property
    def plot(self) -> Path:
        return self.files / "blobs.png"

    def spec(self, experiment: str) -> Path:
        return self.root / "examples" / f"{experiment}.yaml"

    def shown(self, path: Path) -> str:
        """As somebody in the project's folder would name it, which nobody is in where the command was installed."""
        inside = is_checkout(self.root) and path.is_relative_to(self.root)
        return str(path.relative_to(self.root) if inside else path)


def demo(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the seconds of each phase as JSON; all else on stderr.")
    ] = False,
) -> None:
    """Run the whole loop on this machine: launch a grid, watch it, stop what fails, report."""
    out = console(stderr=as_json)
    phases = Phases(SystemClock())
    places = Places(project_root(), kept_files() / "demo")
    with interrupted_by_termination():
        learned = _run(places, phases, out)
    faults = learned.faults()
    _tell_where_next(places, out)
    _tell_seconds(phases, out)
    if as_json:
        figures = {"last_round": learned.last_round, "rounds_asked": story.ROUNDS_ASKED, "faults": faults}
        print_json({"phases": phases.seconds, "total": phases.total, **figures})
    if faults:
        raise CliError("; ".join(faults))


def _run(places: Places, phases: Phases, out: Console) -> story.Learned:
    learned = story.Learned()
    with _local_deployment(places, phases, out) as cloud:
        mailbox = open_mailbox(cloud, "gridwatch-demo-mail")
        _prepare(places, phases, cloud, out)
        for experiment, trials, name in (
            (story.GRID, story.GRID_TRIALS, "train the grid"),
            (story.FAILING, 1, "stop the failing job"),
        ):
            _title(out, f"{name}: {places.shown(places.spec(experiment))}")
            with phases.phase(name), progress(out) as show:
                story.upload_spec(cloud, places.spec(experiment))
                story.await_end(cloud, experiment, trials, show)
        with phases.phase("snapshot"):
            story.snapshot(cloud)
        with phases.phase("query"):
            story.learn(cloud, learned)
            story.keep_tables(cloud, places.files)
        with phases.phase("read the mail"):
            story.read_mail(cloud, mailbox, learned)
        _tell(learned, out)
    return learned


@contextmanager
def _local_deployment(places: Places, phases: Phases, out: Console) -> Iterator[Cloud]:
    make_ready(places.root, lambda what: _title(out, what))
    with phases.phase("synthesize"):
        assembly, made = synthesized(places.root)
    _title(out, f"template: {places.shown(assembly)} ({'synthesized' if made else 'current'})")
    with ExitStack() as stack:
        with phases.phase("start the cloud"):
            local = stack.enter_context(started())
        with phases.phase("deploy"):
            deploy(assembly, local)
        cloud = running(local)
        _title(out, f"embedded cloud: {cloud.endpoint_url}, stack {DEFAULT_STACK} deployed")
        yield Cloud.at(cloud)
        with phases.phase("stop the cloud"):
            stack.close()


def _prepare(places: Places, phases: Phases, cloud: Cloud, out: Console) -> None:
    with phases.phase("generate data"):
        data = dataset.generate()
        files = dataset.write_csv(data, places.files)
        dataset.draw(data, places.plot)
    with phases.phase("upload data"):
        story.upload_data(cloud, files)
    sizes = ", ".join(f"{len(points):,} {channel}" for channel, points in data.channels.items())
    _title(out, f"data: {sizes}; plot: {places.shown(places.plot)}")


def _tell(learned: story.Learned, out: Console) -> None:
    _title(out, "the alert, as people get it")
    for mail in learned.alerts:
        out.print(Text(f"Subject: {mail.subject}\n\n{mail.text}\n"))
    if learned.digest is not None:
        _title(out, f"how {story.GRID} ended, as people get it")
        out.print(Text(f"Subject: {learned.digest.subject}\n\n{learned.digest.text}\n"))
    _title(out, f"leaderboard of {story.GRID}: SQL through Athena, from the snapshot")
    columns, rows = with_varied(learned.leaderboard)
    print_table(out, columns, [[row.get(column) for column in columns] for row in rows])
    _title(out, f"rules of {story.FAILING}")
    trials = learned.statuses[story.FAILING]["trials"]
    columns, lines = rule_lines(trials)
    print_table(out, columns[:-1], [line[:-1] for line in lines])  # the details are the alert's
    states = ", ".join(trial["state"] for trial in trials)
    out.print(f"the job is {states}; the last round in its log is {learned.last_round} of {story.ROUNDS_ASKED}")


def _tell_where_next(places: Places, out: Console) -> None:
    _title(out, "where to look next")
    lines: tuple[tuple[str, str], ...] = (
        (places.shown(places.plot), "the data as a picture"),
        (places.shown(places.files / "tables"), "the snapshot's Parquet tables"),
        (places.shown(places.root / "examples"), "the two specs: change one, or write your own"),
        (f"{own_command()} local up", "the same cloud, staying: submit specs, ask status, query in SQL"),
    )
    if is_checkout(places.root):
        lines += (("README.md, docs/architecture.md", "how it works, and how to deploy it to AWS"),)
    for what, why in lines:
        out.print(Text(f"  {what:<36} {why}"))


def _tell_seconds(phases: Phases, out: Console) -> None:
    _title(out, f"{phases.total:.1f} seconds")
    for name, seconds in phases.seconds.items():
        out.print(Text(f"  {name:<22} {seconds:6.1f} s"))


def _title(out: Console, text: str) -> None:
    out.print(Text(f"== {text}", style="bold"))

"""`gridwatch logs`: what a training job logged, and what its rules said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.looking.options import JsonOption, TrialArgument
from gridwatch.cli.looking.trials import Found, find_trial
from gridwatch.cli.output import print_json
from gridwatch.state.store import StateStore
from gridwatch_rules.visible import visible_text

GROUP = "/aws/sagemaker/TrainingJobs"
_POLL_SECONDS = 1.0
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # a log must not steer the terminal that shows it


def _training_job(found: Found) -> str:
    """SageMaker's name of the training job; for former attempts only Gridwatch's name is known."""
    return found.trial.training_job if found.trial.job_name == found.job_name else found.job_name


@dataclass(frozen=True, slots=True)
class Line:
    at: datetime
    source: str
    message: str

    def text(self) -> str:
        return f"{self.at:%H:%M:%S}Z {self.source}  {visible_text(_CONTROL.sub('', self.message))}"


def logs(  # noqa: PLR0917  options of the command line
    context: typer.Context,
    trial: TrialArgument,
    rules: Annotated[bool, typer.Option("--rules", help="What its rules said, instead of what it wrote.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job is over.")] = False,
    tail: Annotated[int | None, typer.Option("--tail", "-n", min=1, help="Only the last so many lines.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the log of a trial's training job, or of its rules."""
    if follow and as_json:
        raise CliError("--json is one document, which --follow never ends: name one of them")
    cloud = cloud_of(context)
    found = find_trial(cloud.store, trial)
    reader = (
        _RuleLog(cloud.store, found.job_name)
        if rules
        else _StreamLog(cloud.session.client("logs"), _training_job(found))
    )
    lines = list(reader.new())[-(tail or 0) :]
    if as_json:
        print_json([{"at": line.at, "source": line.source, "message": line.message} for line in lines])
        return
    _print(lines)
    if follow:
        _follow(cloud, found, reader)
    elif not lines:
        raise CliError(f"{found.job_name} has written nothing yet" if not rules else "no rule has said anything yet")


def _follow(cloud: Cloud, found: Found, reader: _StreamLog | _RuleLog) -> None:
    """Print the log until the trial's job is over and nothing more comes."""
    while True:
        trial = cloud.store.get_trial(found.trial.experiment, found.trial.trial_id)
        over = trial is None or trial.state.is_finished or trial.job_name != found.job_name
        _print(list(reader.new()))
        if over:
            return
        cloud.clock.sleep(_POLL_SECONDS)


def _print(lines: Sequence[Line]) -> None:
    for line in lines:
        print(line.text(), flush=True)


@dataclass
class _StreamLog:
    """Every stream of a job in CloudWatch Logs, each read on from where the last read ended."""

    client: Any
    job_name: str
    tokens: dict[str, str] = field(default_factory=dict)

    def new(self) -> Iterator[Line]:
        """What came since the last call, by time."""
        lines = [line for stream in self._streams() for line in self._read(stream)]
        yield from sorted(lines, key=lambda line: line.at)

    def _streams(self) -> list[str]:
        pages = self.client.get_paginator("describe_log_streams").paginate(
            logGroupName=GROUP, logStreamNamePrefix=f"{self.job_name}/"
        )
        try:
            return [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
        except self.client.exceptions.ResourceNotFoundException:
            return []  # nothing has ever been trained here

    def _read(self, stream: str) -> Iterator[Line]:
        source = stream.removeprefix(f"{self.job_name}/").rpartition("-")[0] or stream
        while True:
            place = {"nextToken": self.tokens[stream]} if stream in self.tokens else {}
            page = self.client.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True, **place)
            for event in page["events"]:
                at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                yield from (Line(at, source, text) for text in event["message"].splitlines())
            if page["nextForwardToken"] == self.tokens.get(stream):  # the same twice is the end, for now
                return
            self.tokens[stream] = page["nextForwardToken"]


@dataclass
class _RuleLog:
    """The history of a job's rules as recorded: their final statuses, and what was done about them."""

    store: StateStore
    job_name: str
    told: set[tuple[str, str]] = field(default_factory=set)

    def new(self) -> Iterator[Line]:
        """The lines that were not printed before, by time."""
        fresh = [line for line in self._lines() if (line.source, line.message) not in self.told]
        self.told |= {(line.source, line.message) for line in fresh}
        yield from sorted(fresh, key=lambda line: line.at)

    def _lines(self) -> Iterator[Line]:
        for each in self.store.list_rule_evaluations(self.job_name):
            said = f": {each.details}" if each.details else ""
            yield Line(each.updated_at, each.rule_name, f"{each.status}{said}")
        for reaction in self.store.list_reactions(self.job_name):
            yield Line(reaction.decided_at, reaction.rule_name, f"{reaction.action}: {reaction.reason}")
            if reaction.outcome and reaction.carried_out_at:
                yield Line(reaction.carried_out_at, reaction.rule_name, reaction.outcome)

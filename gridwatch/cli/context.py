"""What every command works with: where the deployment is, and its clients, made when first needed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import typer

from gridwatch.cli.local_state import RunningCloud, recall, state_file
from gridwatch.cli.settings import DEFAULT_STACK, Environment
from gridwatch_rules.clock import Clock, SystemClock

if TYPE_CHECKING:
    from gridwatch.cli.athena import Answer
    from gridwatch.cli.deployment import Deployment
    from gridwatch.cli.session import Session
    from gridwatch.state.store import StateStore
    from gridwatch.state.unreadable import UnreadableRecordError

# boto3 takes a third of a second to import: only commands that talk to AWS pay for it.
# ruff: noqa: PLC0415


@dataclass
class Cloud:
    """One deployment, as commands use it."""

    open_session: Callable[[], Session]
    stack: str
    clock: Clock
    is_named: bool  # something says where it is: the command line, the shell, or a local cloud that is running
    unreadable: dict[str, str] = field(default_factory=dict)  # records that could not be read, and why

    @classmethod
    def at(cls, running: RunningCloud) -> Cloud:
        """The deployment in a local cloud."""
        return cls(lambda: _session_with(running), DEFAULT_STACK, SystemClock(), is_named=True)

    @cached_property
    def session(self) -> Session:
        return self.open_session()

    @cached_property
    def deployment(self) -> Deployment:
        from gridwatch.cli.deployment import Deployment

        return Deployment.find(self.session.cloudformation, self.stack)

    @cached_property
    def store(self) -> StateStore:
        from gridwatch.aws.state_table import StateTable

        return StateTable(self.deployment.state_table, dynamodb=self.session.dynamodb, noted=self.note_unreadable)

    def stores(self) -> Mapping[str, StateStore]:
        """The records of every deployment of the account in this region, by stack name."""
        from gridwatch.aws.state_table import StateTable
        from gridwatch.cli.deployment import Deployment

        found = Deployment.find_all(self.session.cloudformation)
        return {
            stack: StateTable(deployment.state_table, dynamodb=self.session.dynamodb, noted=self.note_unreadable)
            for stack, deployment in found.items()
        }

    def note_unreadable(self, error: UnreadableRecordError) -> None:
        """Name each unreadable record that a command leaves out, once."""
        from gridwatch.cli.output import visible_lines

        if error.place not in self.unreadable:
            self.unreadable[error.place] = error.reason
            line = f"gridwatch: left out, because it cannot be read: the record {error.place} ({error.reason})"
            print(visible_lines(line), file=sys.stderr)

    def ask(self, sql: str) -> Answer:
        """The answer to a query in SQL, through Athena."""
        from gridwatch.cli.athena import ask

        return ask(self.session.athena, self.deployment, sql, self.clock)


def cloud_of(context: typer.Context) -> Cloud:
    """The cloud chosen by the options before the command."""
    cloud = context.find_object(Cloud)
    return cloud if cloud is not None else connect(None)


def connect(stack: str | None) -> Cloud:
    """The deployment of that name (by default the environment's), in the cloud that the shell points at."""
    environment = Environment.read()
    named = bool(stack or environment.stack or environment.endpoint_url) or recall(state_file()) is not None
    return Cloud(lambda: _discover(environment), stack or environment.stack or DEFAULT_STACK, SystemClock(), named)


def _session_with(running: RunningCloud) -> Session:
    from gridwatch.cli.session import Session

    return Session.of(running)


def _discover(environment: Environment) -> Session:
    from gridwatch.cli.session import Session

    return Session.discover(environment)

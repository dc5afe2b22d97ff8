"""`gridwatch sql`: a shell over the tables, in DuckDB on this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from gridwatch.cli.analytics.local_tables import LocalTables
from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.output import console, print_rows
from gridwatch.cli.settings import kept_files
from gridwatch.tables import queries, schemas
from gridwatch_rules.visible import visible, visible_text
from gridwatch_rules.wording import counted

_WORDS = (
    "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "JOIN", "LEFT JOIN", "ON", "AND", "OR", "NOT", "NULL",
    "IS", "IN", "AS", "WITH", "CASE", "WHEN", "THEN", "ELSE", "END", "DESC", "DISTINCT", "HAVING", "count(*)", "avg",
    "min", "max", "sum", "PIVOT", "DESCRIBE", ".tables", ".refresh", ".quit",
)  # fmt: skip
_HELP = "SQL ends with a semicolon; .tables lists tables and views, .refresh fetches new snapshots, .quit leaves"


def sql(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """A shell over the tables of all experiments, in DuckDB on this machine: history, completion; or SQL on stdin."""
    cloud = cloud_of(context)
    tables = open_tables(cloud)
    fetched = refreshed(tables)
    interactive = sys.stdin.isatty()
    if interactive:
        console(stderr=True).print(f"{counted(fetched, 'file')} fetched. {_HELP}")
    lines = _typed_lines() if interactive else iter(sys.stdin)
    failed = False
    for statement in statements(lines):
        try:
            run(tables, statement, as_json=as_json)
        except CliError as error:
            failed = True
            print(f"gridwatch: {visible_text(str(error))}", file=sys.stderr)
    if failed and not interactive:
        raise typer.Exit(1)


def open_tables(cloud: Cloud) -> LocalTables:
    """The deployment's tables on this machine; `refresh` fetches them."""
    return LocalTables(cloud.session.s3, cloud.deployment.artifacts_bucket, kept_files() / "tables")


def refreshed(tables: LocalTables) -> int:
    """Fetch new files and return how many there were; damaged ones are left out and named on stderr."""
    fetched = tables.refresh()
    for address, reason in tables.damaged.items():
        line = f"gridwatch: left out, because it is damaged: {address} ({reason}); `gridwatch snapshot` writes it again"
        print(visible(line), file=sys.stderr)
    return fetched


def statements(lines: Iterable[str]) -> Iterator[str]:
    """The statements of one input: one or more, up to a line that ends with a semicolon; a line that starts with a dot
    is a command of the shell.
    """
    pending: list[str] = []
    for line in lines:
        text = line.strip()
        if not pending and text.startswith("."):
            if text == ".quit":
                return
            yield text
        elif text:
            pending.append(text)
            if text.endswith(";"):
                yield "\n".join(pending).rstrip(";")
                pending = []
    if pending:
        yield "\n".join(pending)


def run(tables: LocalTables, statement: str, *, as_json: bool) -> None:
    """Run one command of the shell or each statement, and print the answers."""
    if statement == ".tables":
        found = [{"name": table.name, "what": table.comment} for table in schemas.TABLES]
        found += [{"name": query.name, "what": query.description} for query in queries.NAMED_QUERIES]
        print_rows(["name", "what"], found, as_json=as_json, empty="")
    elif statement == ".refresh":
        print(f"{counted(refreshed(tables), 'file')} fetched")
    elif statement.startswith("."):
        raise CliError(f"there is no {statement}: {_HELP}")
    else:
        for one in tables.statements_of(statement):
            answer = tables.ask(one)
            print_rows(answer.columns, answer.rows, as_json=as_json, empty="no rows")


def _typed_lines() -> Iterator[str]:
    from prompt_toolkit import PromptSession  # noqa: PLC0415  only a person at a terminal needs it
    from prompt_toolkit.completion import WordCompleter  # noqa: PLC0415
    from prompt_toolkit.history import FileHistory  # noqa: PLC0415

    file = kept_files() / "sql-history"
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = {column.name for table in schemas.TABLES for column in table.columns}
    names = {table.name for table in schemas.TABLES} | {query.name for query in queries.NAMED_QUERIES}
    completer = WordCompleter([*_WORDS, *sorted(names | columns)], ignore_case=True)
    session: PromptSession[str] = PromptSession(history=FileHistory(str(file)), completer=completer)
    while True:
        try:
            yield session.prompt("gridwatch> ")
        except KeyboardInterrupt:
            continue  # the line is given up, not the shell
        except EOFError:
            return

"""Options that the commands which show results share."""

from __future__ import annotations

from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")]
TrialArgument = Annotated[
    str,
    typer.Argument(help="A training job's name, a trial's id (or how it begins), or <experiment>/<place in the grid>."),
]

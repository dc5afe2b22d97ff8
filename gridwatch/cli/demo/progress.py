"""Shows trials while they run: a table that renews itself on a terminal, a line for each change elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gridwatch.cli.demo.observation import TrialView

Show = Callable[[Sequence[TrialView]], None]

_COLOURS = {"completed": "green", "stopped": "yellow", "failed": "red", "waiting": "dim"}


@contextmanager
def progress(console: Console) -> Iterator[Show]:
    """A callback that is called with the trials' newest state, as often as one likes."""
    if not console.is_terminal:
        yield _lines(console)
        return
    with Live(console=console, refresh_per_second=4) as live:
        yield lambda views: live.update(_table(views))


def _lines(console: Console) -> Show:
    told: dict[str, str] = {}

    def show(views: Sequence[TrialView]) -> None:
        for view in views:
            words = view.words()
            if told.get(view.name) != words:
                told[view.name] = words
                console.print(Text(f"  {view.name:<18} {words}"))

    return show


def _table(views: Sequence[TrialView]) -> Table:
    table = Table.grid(padding=(0, 2))
    for view in views:
        table.add_row(
            Text(f"  {view.name}"),
            Text(view.state, style=_COLOURS.get(view.state, "cyan")),
            Text("  ".join(f"{name} {value:.4f}" for name, value in sorted(view.metrics.items()))),
            Text(", ".join(f"{rule}: {status}" for rule, status in view.rules.items())),
            Text("  ".join(view.done), style="yellow"),
        )
    return table

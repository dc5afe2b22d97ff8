"""The command `gridwatch-rules tensors`, which lists the contents of a folder of tensors."""

from __future__ import annotations

from argparse import Namespace

from gridwatch_rules.command.output import print_rows
from gridwatch_rules.contents import LISTED, VALUES, listed, selected, values


def run_tensors(asked: Namespace) -> int:
    """Print the tensors by collection, or with `--values` the values saved at each step."""
    from gridwatch_rules.replays import open_tensors  # noqa: PLC0415  numpy is slow to import
    from gridwatch_rules.tensors.reader import Cursor  # noqa: PLC0415  as above

    reader = open_tensors(asked.path)
    steps = list(reader.new_steps(Cursor(), ended=reader.has_ended()))
    if asked.values:
        rows = [values(reader, saved, name) for saved in steps for name in selected(saved, asked.tensor)]
        print_rows(VALUES, rows, as_json=asked.json, empty="no tensors")
    else:
        print_rows(LISTED, listed(reader, steps, asked.tensor), as_json=asked.json, empty="no tensors")
    return 0

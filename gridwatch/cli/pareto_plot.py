"""A picture of saved against killed for each grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gridwatch.cli.errors import CliError
from gridwatch_rules.judgement.scores import pareto

if TYPE_CHECKING:
    from gridwatch_rules.judgement.backtest import Outcome


def draw(results: Sequence[Outcome], path: Path) -> None:
    """Write the picture as PNG. Raises CliError when it cannot be written."""
    import matplotlib as mpl  # noqa: PLC0415  slow to import

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  as above

    grids = list(dict.fromkeys(result.grid for result in results))
    figure, pictures = plt.subplots(1, len(grids), figsize=(7 * len(grids), 5), squeeze=False)
    for picture, grid in zip(pictures[0], grids, strict=True):
        shown = [result for result in results if result.grid == grid]
        points = [(100 * saved, 100 * killed) for saved, killed in (each.saved_and_killed for each in shown)]
        front = sorted(points[place] for place in pareto(points))
        picture.plot(*zip(*front, strict=True), color="tab:green", linewidth=1, zorder=1)
        picture.scatter(*zip(*points, strict=True), s=18, zorder=2)
        for (saved, killed), result in zip(points, shown, strict=True):
            picture.annotate(result.rule, (saved, killed), xytext=(4, 4), textcoords="offset points", fontsize=8)
        picture.set(
            title=grid, xlabel="compute saved, %", ylabel="best trials killed, %", xlim=(0, 100), ylim=(-3, 103)
        )
    figure.tight_layout()
    try:
        figure.savefig(path, dpi=120, format="png")
    except OSError as error:
        raise CliError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        plt.close(figure)

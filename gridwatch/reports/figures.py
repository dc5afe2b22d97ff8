"""Plots as SVG that match the page around them: their colours are the page's variables, their text is text."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from gridwatch.reports.assessment import RocCurve

# Matplotlib knows no CSS variables, so it draws with these colours and they are replaced in what it wrote.
_VARIABLES = {
    "#010101": "--ink", "#020202": "--muted", "#030303": "--line", "#040404": "--grid", "#050505": "--panel",
    "#060601": "--series-1", "#060602": "--series-2", "#060603": "--series-3", "#060604": "--series-4",
    "#060605": "--series-5", "#060606": "--series-6",
}  # fmt: skip
_INK, _MUTED, _LINE, _GRID, _PANEL, *_SERIES = _VARIABLES
_DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))  # colour is not all that tells curves apart
_STYLE: Any = {
    "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10.5, "figure.facecolor": "none",
    "axes.facecolor": "none", "axes.edgecolor": _LINE, "axes.labelcolor": _MUTED, "axes.spines.top": False,
    "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True, "grid.color": _GRID, "grid.linewidth": 1.0,
    "xtick.color": _MUTED, "ytick.color": _MUTED, "text.color": _INK, "legend.frameon": False, "lines.linewidth": 2.0,
    "xtick.major.size": 0, "ytick.major.size": 0,
}  # fmt: skip
_WIDTH = 8.0  # inches of 72 points
_MOST_POINTS = 2000

Draw = Callable[[Any, Any], None]
Array = NDArray[np.float64]


def curves(series: Mapping[str, tuple[Sequence[int], Sequence[float]]], metric: str, alt: str) -> str:
    """One metric of all data sets by step."""

    def draw(figure: Any, axes: Any) -> None:
        del figure
        for number, (data, (steps, values)) in enumerate(series.items()):
            axes.plot(steps, values, label=data, **_line(number))
        axes.set_xlabel("boosting round")
        axes.set_ylabel(metric)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.margins(x=0.01)
        _legend(axes, len(series))

    return _svg(draw, 3.2, alt)


def roc(found: Mapping[str, RocCurve], alt: str) -> str:
    """One curve for each class."""

    def draw(figure: Any, axes: Any) -> None:
        del figure
        axes.plot([0, 1], [0, 1], color=_LINE, linewidth=1.5, linestyle=(0, (4, 3)))
        for number, (name, curve) in enumerate(found.items()):
            label = f"{name} (area {curve.area:.3f})"
            axes.plot(curve.false_positive, curve.true_positive, label=label, **_line(number))
        axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.set_aspect("equal")
        axes.legend(loc="lower right")

    return _svg(draw, 5.0, alt, width=5.6)


def matrix(counts: NDArray[np.int64], names: Sequence[str], alt: str) -> str:
    """A confusion matrix, shaded by the share of each row."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(names)

    def draw(figure: Any, axes: Any) -> None:
        del figure
        for row in range(size):
            for column in range(size):
                # Never so dark that text in the page's own colour could not be read on it.
                opacity = 0.05 + 0.45 * float(share[row, column])
                cell = Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, facecolor=_SERIES[0], alpha=opacity)
                axes.add_patch(cell)
                if size <= 12:
                    text = f"{counts[row, column]}\n{100 * share[row, column]:.1f} %"
                    axes.text(column, row, text, ha="center", va="center", fontsize=10 if size <= 6 else 8)
        axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), xlabel="predicted class", ylabel="class by label")
        axes.set_xticks(range(size), names)
        axes.set_yticks(range(size), names)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.set_aspect("equal")

    side = min(2.2 + 0.75 * size, _WIDTH)
    return _svg(draw, side, alt, width=side)


def bars(values: Sequence[tuple[str, float]], label: str, alt: str) -> str:
    """Horizontal bars, the first on top."""

    def draw(figure: Any, axes: Any) -> None:
        del figure
        names = [name for name, _ in values]
        positions = range(len(values))
        axes.barh(positions, [value for _, value in values], height=0.68, color=_SERIES[0])
        axes.set_yticks(positions, names, color=_INK)
        axes.invert_yaxis()
        axes.set_xlabel(label)
        axes.grid(visible=False, axis="y")
        for position, (_, value) in enumerate(values):
            axes.annotate(
                f"{value:.3g}", (value, position), (4, 0), textcoords="offset points", va="center", fontsize=9
            )
        axes.margins(x=0.1)

    return _svg(draw, 0.9 + 0.27 * len(values), alt)


def residuals(predictions: Array, errors: Array, alt: str) -> str:
    """Prediction minus label against the prediction, and how often which residual occurs."""
    shown = np.unique(np.linspace(0, len(errors) - 1, min(len(errors), _MOST_POINTS)).astype(int))

    def draw(figure: Any, axes: Any) -> None:
        axes.remove()
        left, right = figure.subplots(1, 2, width_ratios=(2, 1), sharey=True)
        left.axhline(0.0, color=_LINE, linewidth=1.5)
        left.plot(predictions[shown], errors[shown], ".", markersize=5, alpha=0.55, color=_SERIES[0], markeredgewidth=0)
        left.set(xlabel="prediction", ylabel="prediction - label")
        right.hist(errors, bins=40, orientation="horizontal", color=_SERIES[0], edgecolor=_PANEL, linewidth=0.5)
        right.set_xlabel("rows")

    return _svg(draw, 3.8, alt)


def _line(number: int) -> dict[str, Any]:
    return {"color": _SERIES[number % len(_SERIES)], "linestyle": _DASHES[number % len(_DASHES)]}


def _legend(axes: Any, count: int) -> None:
    if count > 1:
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=min(count, 4), borderaxespad=0.2)


def _svg(draw: Draw, height: float, alt: str, width: float = _WIDTH) -> str:
    """The figure as an svg element that says `alt` to those who cannot see it. Sizes in inches."""
    # The salt makes ids the same every time.
    with rc_context(_STYLE | {"svg.hashsalt": "gridwatch"}):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure, figure.subplots())
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = written.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    # Several pictures stand in one page, and matplotlib counts the parts of each from 1.
    prefix = hashlib.sha256(alt.encode()).hexdigest()[:8]
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    # Text has no colour of its own where it is black, so the element's is the page's.
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(alt)}" fill="currentColor" ', 1).strip()

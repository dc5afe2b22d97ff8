"""The page about a training's tensors: layers over steps, histograms, feature importance over rounds. Needs numpy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from gridwatch.reports.interactive import controls, interactive_page, plot, select
from gridwatch.reports.tensor_summary import FIGURES, TensorSummary, summarize
from gridwatch_rules.page import paragraph, section, table
from gridwatch_rules.tensors.reader import TensorReader
from gridwatch_rules.wording import counted

_FEATURES = 20
_WORDS = {
    "mean": "mean", "std": "standard deviation", "abs_mean": "mean of magnitudes", "min": "minimum", "max": "maximum",
    "zeros": "share of zeros", "not_finite": "share that is not finite",
}  # fmt: skip


def create_tensor_report(reader: TensorReader, title: str) -> str:
    """The page about a finished or running training. Raises CorruptTensorError."""
    return render(summarize(reader), title)


def render(summary: TensorSummary, title: str) -> str:
    """The page as HTML. Charts are empty where nothing was saved, and their sections say so."""
    about = f"{counted(len(summary.tensors), 'tensor')} · {counted(summary.steps, 'saved step')}"
    return interactive_page(title, about, _sections(summary), _drawn(summary), ("tensors.js",))


def _sections(summary: TensorSummary) -> Iterator[str]:
    if summary.tensors:
        yield section("Layers", *_layers(summary))
        yield section("One tensor", *_one())
    else:
        why = "The training saved no tensors of more than one element (collections weights, gradients, …)."
        yield section("Layers", paragraph(why, "muted"))
    if summary.importances:
        alt = f"Feature importance over rounds, by {', '.join(summary.importances)}; the table has the last round."
        yield section(
            "Feature importance",
            controls(select("kind", "Kind", list(summary.importances))),
            plot("importance", alt, f"The {_FEATURES} most important features of the last round, by round."),
            *_last_importances(summary),
        )
    if summary.tensors:
        yield section("All tensors", _listed(summary))


def _layers(summary: TensorSummary) -> Iterator[str]:
    collections = ["all", *dict.fromkeys(each.collection for each in summary.tensors)]
    yield controls(
        select("collection", "Collection", collections),
        select("figure", "Figure", [_WORDS[name] for name in FIGURES]),
    )
    alt = f"{len(summary.tensors)} tensors in the network's order by step, coloured by a figure of their elements."
    caption = "A row is a tensor, in the order in which the training saves them. The arrow keys choose one."
    yield plot("layers", alt, caption, "free")
    if summary.left_out:
        yield paragraph(f"{summary.left_out} further tensors are left out.", "muted")


def _one() -> Iterator[str]:
    yield '<p id="chosen" class="muted"></p>'
    yield plot("histograms", "Histograms of the chosen tensor's elements over steps.", "Elements by step and value.")
    yield controls('<label>Step <input type="range" id="step" min="0" value="0"> <output id="at"></output></label>')
    yield plot("histogram", "Histogram of the chosen tensor at the chosen step.", "At the chosen step.", "low")
    yield plot("figures", "Mean, spread and extremes of the chosen tensor over steps.", "Figures by step.", "low")


def _last_importances(summary: TensorSummary) -> Iterator[str]:
    for kind, features in summary.importances.items():
        last = sorted(((values[-1], feature) for feature, (_, values) in features.items()), reverse=True)
        rows = [(escape(feature), f"{value:.4g}") for value, feature in last[:_FEATURES]]
        listed = table(("feature", kind), rows, frozenset({1}))
        yield f"<details><summary>{escape(kind)}, last round</summary>{listed}</details>"


def _listed(summary: TensorSummary) -> str:
    rows = [
        (
            escape(each.name),
            escape(each.collection),
            "x".join(map(str, each.shape)),
            f"{each.steps[0]} to {each.steps[-1]}",
            *(f"{each.figures[name][-1]:.4g}" for name in FIGURES),
        )
        for each in summary.tensors
    ]
    headings = ("tensor", "collection", "shape", "steps", *(_WORDS[name] for name in FIGURES))
    listed = table(headings, rows, frozenset(range(4, 4 + len(FIGURES))))
    return f'<div class="tall" tabindex="0" role="region" aria-label="All tensors, at their last step">{listed}</div>'


def _drawn(summary: TensorSummary) -> Mapping[str, Any]:
    return {
        "figures": [{"name": name, "words": _WORDS[name]} for name in FIGURES],
        "tensors": [
            {
                "name": each.name,
                "collection": each.collection,
                "shape": list(each.shape),
                "steps": list(each.steps),
                "figures": {name: [_short(value) for value in values] for name, values in each.figures.items()},
                "low": each.low,
                "high": each.high,
                "histograms": [list(each) for each in each.histograms],
            }
            for each in summary.tensors
        ],
        "importances": {kind: _most_important(features) for kind, features in summary.importances.items()},
    }


def _most_important(features: Mapping[str, tuple[Sequence[int], Sequence[float]]]) -> list[Mapping[str, Any]]:
    last = sorted(features, key=lambda feature: -features[feature][1][-1])[:_FEATURES]
    return [
        {
            "feature": feature,
            "steps": list(features[feature][0]),
            "values": [_short(value) for value in features[feature][1]],
        }
        for feature in last
    ]


def _short(value: float) -> float:
    return float(f"{value:.5g}")

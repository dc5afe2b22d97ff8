"""The demo's data: two clouds of points, one wider than the other, which no tree separates without error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# scikit-learn and matplotlib take two seconds to import: only the demo pays for them.
# ruff: noqa: PLC0415

Point = tuple[int, float, float]  # label, a, b


@dataclass(frozen=True, slots=True)
class Dataset:
    """The points of each channel; 60 % to train with, 20 % to validate, 20 % to test."""

    channels: Mapping[str, Sequence[Point]]

    @property
    def points(self) -> list[Point]:
        return [point for channel in self.channels.values() for point in channel]


def generate() -> Dataset:
    """5,000 points of `make_blobs`, the same ones every time."""
    from sklearn.datasets import make_blobs
    from sklearn.model_selection import train_test_split

    features, labels = make_blobs(n_samples=5000, centers=2, cluster_std=[6, 4], n_features=2, random_state=40)
    points = [(int(label), float(a), float(b)) for label, (a, b) in zip(labels, features, strict=True)]
    rest, test = train_test_split(points, test_size=0.2, random_state=0)
    train, validation = train_test_split(rest, test_size=0.25, random_state=0)
    return Dataset({"train": train, "validation": validation, "test": test})


def write_csv(dataset: Dataset, folder: Path) -> Mapping[str, Path]:
    """One file for each channel, `<channel>.csv`: no header, no index, the label first, as XGBoost reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for channel, points in dataset.channels.items():
        file = folder / f"{channel}.csv"
        file.write_text("".join(f"{label},{a!r},{b!r}\n" for label, a, b in points))
        files[channel] = file
    return files


def draw(dataset: Dataset, file: Path) -> None:
    """A scatter plot of all points, coloured by label, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    axes: Any = figure.subplots()
    for label, colour in ((0, "tab:blue"), (1, "tab:orange")):
        mine = [(a, b) for of, a, b in dataset.points if of == label]
        axes.scatter(*zip(*mine, strict=True), s=4, alpha=0.5, color=colour, label=f"label {label}")
    axes.set(title="blobs: 5,000 points, two classes", xlabel="a", ylabel="b")
    axes.legend(markerscale=3)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=120)

"""The demo's data is the data set that its specs speak of."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.model_selection import train_test_split

from gridwatch.cli.demo.dataset import Dataset, draw, generate, write_csv


@pytest.fixture(scope="module")
def data() -> Dataset:
    return generate()


def test_the_split_is_the_documented_one(data: Dataset) -> None:
    features, labels = make_blobs(n_samples=5000, centers=2, cluster_std=[6, 4], n_features=2, random_state=40)
    frame = np.column_stack([labels, features])
    rest, test = train_test_split(frame, test_size=0.2, random_state=0)
    train, validation = train_test_split(rest, test_size=0.25, random_state=0)
    expected = {"train": train, "validation": validation, "test": test}
    assert {name: len(points) for name, points in data.channels.items()} == {
        "train": 3000,
        "validation": 1000,
        "test": 1000,
    }
    for name, points in data.channels.items():
        np.testing.assert_array_equal(np.array(points), expected[name])


def test_the_files_have_no_header_no_index_and_every_digit(data: Dataset, tmp_path: Path) -> None:
    files = write_csv(data, tmp_path)
    assert {name: file.name for name, file in files.items()} == {name: f"{name}.csv" for name in data.channels}
    for name, file in files.items():
        with file.open(newline="") as lines:
            read = [(int(label), float(a), float(b)) for label, a, b in csv.reader(lines)]
        assert read == list(data.channels[name])


def test_the_plot_is_a_png(data: Dataset, tmp_path: Path) -> None:
    draw(data, tmp_path / "plots" / "blobs.png")
    assert (tmp_path / "plots" / "blobs.png").read_bytes().startswith(b"\x89PNG\r\n")

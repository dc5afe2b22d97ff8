"""Planted faults are found, each by its check; clean data is left in peace."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets
from sklearn.model_selection import train_test_split

from gridwatch.cli.demo.dataset import generate, write_csv
from gridwatch.domain.notices import Level
from gridwatch.preflight.examination import ChannelData, Machine, examine
from gridwatch.preflight.sampling import CHEAP, FULL, LocalData
from gridwatch.preflight.targets import targets_of
from tests.unit.preflight.planting import BINARY, SMALL, Rows, clean, notices, text, told

FOUR = targets_of([{"objective": "multi:softprob", "num_class": 4}])
NUMBER = targets_of([{"objective": "reg:squarederror"}])


def _with(change: Callable[[Rows], object], rows: int = 400) -> Rows:
    made = clean(rows)
    change(made)
    return made


def _copy_rows(rows: Rows) -> None:
    rows[200:260] = [list(row) for row in rows[:60]]


def _each(rows: Rows, change: Callable[[list[float]], object]) -> None:
    for row in rows:
        change(row)


# What is planted in the training data, and the check that must find it, alone.
PLANTED: dict[str, tuple[Callable[[Rows], object], str]] = {
    "infinite": (lambda rows: rows[7].__setitem__(2, float("inf")), "non-finite"),
    "nan": (lambda rows: rows[7].__setitem__(2, float("nan")), "non-finite"),
    "label missing": (lambda rows: rows[7].__setitem__(0, float("nan")), "label"),
    "label of another class": (lambda rows: rows[7].__setitem__(0, 2), "label"),
    "labels -1 and 1": (lambda rows: _each(rows, lambda row: row.__setitem__(0, row[0] * 2 - 1)), "label"),
    "labels all the same": (lambda rows: _each(rows, lambda row: row.__setitem__(0, 1)), "label"),
    "label last": (lambda rows: _each(rows, lambda row: row.append(row.pop(0))), "label"),
    "index first": (lambda rows: [row.insert(0, at) for at, row in enumerate(rows)], "label"),
    "index as a feature": (lambda rows: [row.append(at) for at, row in enumerate(rows)], "label-place"),
    "fractions as labels": (lambda rows: _each(rows, lambda row: row.__setitem__(0, 0.5)), "label-place"),
    "rare class": (lambda rows: [row.__setitem__(0, float(at < 8)) for at, row in enumerate(rows)], "label-balance"),
    "constant": (lambda rows: _each(rows, lambda row: row.__setitem__(3, 4.5)), "constant"),
    "zeros": (lambda rows: _each(rows, lambda row: row.__setitem__(3, 0.0)), "constant"),
    "copied column": (lambda rows: _each(rows, lambda row: row.__setitem__(3, row[5])), "duplicate-columns"),
    "label as a feature": (lambda rows: _each(rows, lambda row: row.__setitem__(3, row[0])), "leak"),
    "label on another scale": (lambda rows: _each(rows, lambda row: row.__setitem__(3, 7 - 2 * row[0])), "leak"),
    "copied rows": (_copy_rows, "duplicate-rows"),
    "ragged": (lambda rows: rows[9].append(1.0), "ragged"),
    "text": (lambda rows: rows[9].__setitem__(2, "red"), "format"),  # type: ignore[call-overload]
    "thousands": (lambda rows: rows[9].__setitem__(2, "1_000"), "format"),  # type: ignore[call-overload]
    "header": (lambda rows: rows.insert(0, ["label", "a", "b", "c", "d", "e"]), "header"),  # type: ignore[list-item]
    "header of numbers": (lambda rows: rows.insert(0, [0, 1, 2, 3, 4, 5]), "header"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found_and_nothing_else(name: str, tmp_path: Path) -> None:
    plant, check = PLANTED[name]
    found = notices(tmp_path, {"train": text(_with(plant))})
    assert set(told(found)) == {check}
    worst = found[0]
    assert worst.channel == "train"
    assert worst.message


def test_where_it_is_is_told(tmp_path: Path) -> None:
    rows = _with(lambda rows: rows[9].__setitem__(2, float("inf")))
    (notice,) = notices(tmp_path, {"train": text(rows)})
    assert (notice.row, notice.column, notice.level) == (10, 3, Level.REFUSE)


@pytest.mark.parametrize("cheap", [False, True])
def test_clean_data_is_left_in_peace(tmp_path: Path, cheap: bool) -> None:
    contents = {"train": text(clean(3_000, seed=1)), "validation": text(clean(1_000, seed=2))}
    assert told(notices(tmp_path, contents, **({"budget": CHEAP} if cheap else {}))) == []


def test_the_demos_data_is_left_in_peace(tmp_path: Path) -> None:
    files = write_csv(generate(), tmp_path / "demo")
    assert notices(tmp_path, {name: file.read_text() for name, file in files.items()}) == ()


@pytest.mark.parametrize(
    ("name", "hyperparameters"),
    [
        ("iris", {"objective": "multi:softprob", "num_class": 3}),
        ("wine", {"objective": "multi:softprob", "num_class": 3}),
        ("digits", {"objective": "multi:softprob", "num_class": 10}),
        ("breast_cancer", {"objective": "binary:logistic"}),
        ("diabetes", {"objective": "reg:squarederror"}),
    ],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_scikit_learns_data_is_left_in_peace(
    name: str, hyperparameters: dict[str, object], seed: int, tmp_path: Path
) -> None:
    data = getattr(datasets, f"load_{name}")()
    rows = np.column_stack([data.target, data.data])
    train, validation = train_test_split(rows, test_size=0.25, random_state=seed)
    contents = {"train": text(train.tolist()), "validation": text(validation.tolist())}
    assert told(notices(tmp_path, contents, targets=targets_of([hyperparameters]))) == []


def test_natural_copies_of_discrete_rows_are_a_note_at_most(tmp_path: Path) -> None:
    rows = [[row[0], *(round(value) for value in row[1:3])] for row in clean(500)]
    other = [[row[0], *(round(value) for value in row[1:3])] for row in clean(200, seed=5)]
    assert told(notices(tmp_path, {"train": text(rows), "validation": text(other)})) == []


def test_overlap_is_found(tmp_path: Path) -> None:
    train = clean(400)
    validation = [*clean(90, seed=3), *train[:10]]
    found = notices(tmp_path, {"train": text(train), "validation": text(validation)})
    assert told(found) == ["overlap"]
    assert "10 of 100 rows" in found[0].message


def test_shift_is_found_where_it_is(tmp_path: Path) -> None:
    validation = clean(300, seed=3)
    for row in validation:
        row[2] += 1.0
    found = notices(tmp_path, {"train": text(clean(800)), "validation": text(validation)})
    assert [(notice.check, notice.column) for notice in found] == [("shift", 3)]


def test_other_columns_are_found(tmp_path: Path) -> None:
    found = notices(tmp_path, {"train": text(clean()), "validation": text(clean(100, 4, seed=2))})
    assert told(found) == ["columns"]


def test_classes_beyond_num_class_and_absent_ones(tmp_path: Path) -> None:
    ones = [[row[0] + 1, *row[1:]] for row in clean(classes=4)]
    found = notices(tmp_path, {"train": text(ones)}, targets=FOUR)
    assert told(found) == ["label"]
    assert "number the classes from 0" in (found[0].advice or "")
    assert told(notices(tmp_path, {"train": text(clean(classes=3))}, targets=FOUR)) == ["label-balance"]


def test_a_regression_takes_any_finite_number(tmp_path: Path) -> None:
    rows = [[row[1] * 1000, *row[2:]] for row in clean()]
    assert told(notices(tmp_path, {"train": text(rows)}, targets=NUMBER)) == []
    gamma = targets_of([{"objective": "reg:gamma"}])
    assert told(notices(tmp_path, {"train": text(rows)}, targets=gamma)) == ["label"]


@pytest.mark.parametrize(
    ("content", "check"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (gzip.compress(b"1,2\n", mtime=0), "format"),
        (b"PAR1\x15\x04\x15", "format"),
        (b"\xef\xbb\xbf1,2\n0,3\n", "format"),
        ("1,2\n0,3\n".encode("utf-16"), "format"),
        (b'{"label": 1}\n', "format"),
        (b"1,2\n0,\x003\n", "format"),
        ("1,2\n0,3€\n".encode(), "format"),
    ],
)
def test_what_is_no_csv_is_told(content: bytes, check: str, tmp_path: Path) -> None:
    assert check in told(notices(tmp_path, {"train": content}))


def test_libsvm_is_read_as_such(tmp_path: Path) -> None:
    lines = [f"{int(row[0])} " + " ".join(f"{at}:{value}" for at, value in enumerate(row[1:])) for row in clean()]
    good = "\n".join(lines)
    assert told(notices(tmp_path, {"train": good}, content_type="text/libsvm")) == []
    assert told(notices(tmp_path, {"train": text(clean())}, content_type="libsvm"))[0] == "format"
    wrong = good.replace("\n1 ", "\n3 ", 1)
    assert told(notices(tmp_path, {"train": wrong}, content_type="libsvm")) == ["label"]


def test_parquet_is_read_as_such(tmp_path: Path) -> None:
    import duckdb

    source, target = tmp_path / "rows.csv", tmp_path / "rows.parquet"
    source.write_text(text(_with(lambda rows: _each(rows, lambda row: row.__setitem__(3, 4.5)))))
    duckdb.sql(f"COPY (SELECT * FROM read_csv('{source}', header=false)) TO '{target}'")
    found = notices(tmp_path, {"train": target.read_bytes()}, content_type="application/x-parquet")
    assert told(found) == ["constant"]
    broken = target.read_bytes()[:200]
    assert told(notices(tmp_path, {"train": broken}, content_type="parquet")) == ["format"]


def as_parquet(folder: Path, select: str) -> bytes:
    import duckdb

    target = folder / "made.parquet"
    duckdb.sql(f"COPY ({select}) TO '{target}'")
    return target.read_bytes()


_ROWS = (
    "FROM (SELECT range AS i, hash(range, 7) % 997 / 997.0 AS f1, hash(range, 8) % 991 / 991.0 AS f2 FROM range(200))"
)


@pytest.mark.parametrize(
    ("columns", "told_of"),
    [
        ("i % 2 AS y, f2, f1", "the columns of channel train in another order: 'f2' where that one has 'f1'"),
        ("i % 2 AS y, f1, f2 AS f3", "the columns of channel train with other names: 'f3' where that one has 'f2'"),
    ],
)
def test_channels_of_parquet_have_the_same_columns(tmp_path: Path, columns: str, told_of: str) -> None:
    contents = {
        "train": as_parquet(tmp_path, f"SELECT i % 2 AS y, f1, f2 {_ROWS}"),
        "validation": as_parquet(tmp_path, f"SELECT {columns} {_ROWS}"),
    }
    found = [notice for notice in notices(tmp_path, contents, content_type="parquet") if notice.check == "columns"]
    (notice,) = found
    assert notice.channel == "validation"
    assert notice.message.startswith(told_of)


def test_files_of_a_channel_are_put_together_by_name(tmp_path: Path) -> None:
    """The second file has the rows of the first with their columns in another order: each is there twice."""
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "1.parquet").write_bytes(as_parquet(tmp_path, f"SELECT i % 2 AS y, f1 * 9 AS f1, f2 {_ROWS}"))
    (folder / "2.parquet").write_bytes(as_parquet(tmp_path, f"SELECT f2, f1 * 9 AS f1, i % 2 AS y {_ROWS}"))
    data = ChannelData("train", "parquet", LocalData(folder))
    (notice,) = examine([data], BINARY, SMALL, FULL).notices
    assert (notice.check, notice.message[:17]) == ("duplicate-rows", "200 of 400 rows a")
    (folder / "3.parquet").write_bytes(as_parquet(tmp_path, f"SELECT i % 2 AS y, f1 AS g1, f2 {_ROWS}"))
    notice = next(each for each in examine([data], BINARY, SMALL, FULL).notices if each.check == "ragged")
    assert notice.file == "3.parquet"
    assert notice.message.endswith("only one of the two has 'f1', 'g1'")


def test_the_index_of_pandas_is_no_column(tmp_path: Path) -> None:
    import duckdb

    metadata = '{"index_columns": ["__index_level_0__"]}'
    target = tmp_path / "made.parquet"
    duckdb.sql(
        f"COPY (SELECT i % 2 AS y, f1, f2, i AS __index_level_0__ {_ROWS}) TO '{target}' "
        f"(FORMAT parquet, KV_METADATA {{pandas: '{metadata}'}})"
    )
    assert notices(tmp_path, {"train": target.read_bytes()}, content_type="parquet") == ()


def test_data_that_finds_no_room_is_told(tmp_path: Path) -> None:
    nowhere = Machine(("ml.m5.large", "ml.m5.xlarge"), 0)
    found = notices(tmp_path, {"train": text(clean(2_000, 50))}, machine=nowhere)
    assert told(found) == ["volume"]

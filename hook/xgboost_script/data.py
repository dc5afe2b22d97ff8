"""Reads channels as matrices from csv, libsvm and parquet, with the label first and no header, as the built-in
algorithm does.
"""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from email.message import Message
from pathlib import Path
from typing import Any

import xgboost as xgb
from environment import Channel
from failure import UserError

_TYPES = {
    "csv": "csv", "text/csv": "csv",
    "libsvm": "libsvm", "text/libsvm": "libsvm", "text/x-libsvm": "libsvm",
    "parquet": "parquet", "application/x-parquet": "parquet",
}  # fmt: skip

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")  # characters of names that XGBoost opens as given

# label[:weight], then qid:n or index:value; a comment may follow.
_LIBSVM_LINE = re.compile(r"[^\s:,]+(:[^\s:,]+)?(\s+[A-Za-z0-9]+:[^\s:,]+)*\s*(#.*)?$")


def load_channel(name: str, channel: Channel, *, csv_weights: bool, nthread: int | None) -> xgb.DMatrix:
    """Load the channel's rows. Raises UserError when it holds none or cannot be read as its declared content type."""
    kind = content_kind(name, channel.content_type)
    files = _files(channel.folder)
    if not files:
        raise UserError(f"channel {name!r} holds no data ({channel.folder} has no files)")
    if not any(path.stat().st_size for path in files):
        raise UserError(f"channel {name!r} holds no data (all of its files are empty)")
    try:
        matrix = _LOADERS[kind](name, files, csv_weights, nthread)
    except (xgb.core.XGBoostError, OSError, ValueError) as error:
        raise UserError(f"channel {name!r} cannot be read as {kind}: {_what_was_said(error)}") from error
    if not matrix.num_row() or not matrix.get_label().size:
        raise UserError(f"channel {name!r} holds no labelled rows")
    return matrix


def check_columns(channels: Mapping[str, Channel]) -> None:
    """Raise UserError when two channels of Parquet files do not have the same columns in the same order. Columns are
    matched by position, as the built-in algorithm matches them.
    """
    known: dict[str, list[str]] = {}
    for name, channel in channels.items():
        if content_kind(name, channel.content_type) == "parquet" and (files := _data_files(channel.folder)):
            try:
                known[name] = _parquet_names(name, files)
            except (OSError, ValueError):  # `load_channel` reports what is wrong with the channel
                continue
    for name, names in known.items():
        first = next(iter(known))
        if names != known[first]:
            raise UserError(
                f"channel {name!r} has the columns {_listed(names)}, channel {first!r} has {_listed(known[first])}: "
                "save both with the same columns in the same order, the label first"
            )


def _data_files(folder: Path) -> list[Path]:
    return [path for path in _files(folder) if path.stat().st_size]


def _what_was_said(error: Exception) -> str:
    """XGBoost's message without its stack trace, which begins on a line of its own."""
    message = str(error).partition("Stack trace")[0].strip()
    return message.splitlines()[-1] if message else type(error).__name__


def content_kind(name: str, content_type: str | None) -> str:
    """The kind of content: csv, libsvm or parquet; libsvm when none was declared, as with the built-in algorithm.
    Raises UserError.
    """
    if not content_type:
        return "libsvm"
    header = Message()
    header["Content-Type"] = content_type.lower() if "/" in content_type else f"text/{content_type.lower()}"
    kind = _TYPES.get(header.get_content_type()) or _TYPES.get(content_type.lower())
    if kind is None:
        raise UserError(f"channel {name!r} has content type {content_type!r}; allowed are {', '.join(_TYPES)}")
    if kind == "csv" and str(header.get_param("label_size", "1")) != "1":
        raise UserError(f"channel {name!r} has content type {content_type!r}; label_size must be 1")
    return kind


def _files(folder: Path) -> list[Path]:
    """The data files at any depth, without hidden ones and those that begin with an underscore."""
    if folder.is_file():
        return [folder]
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "_")))


def _load_csv(name: str, files: list[Path], weighted: bool, nthread: int | None) -> xgb.DMatrix:
    delimiters = [_check_first_line(name, path) for path in files if path.stat().st_size]
    options = f"format=csv&label_column=0&delimiter={delimiters[0]}" + ("&weight_column=1" if weighted else "")
    return _load_text(files, options, nthread)


def _load_libsvm(name: str, files: list[Path], weighted: bool, nthread: int | None) -> xgb.DMatrix:
    for path in files:
        _check_libsvm(name, path)
    return _load_text(files, "format=libsvm", nthread)


def _load_text(files: list[Path], options: str, nthread: int | None) -> xgb.DMatrix:
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="channel-") as folder:
        # The built-in algorithm's own parser. XGBoost deprecates it since 3.1, but only it reads exactly the same
        # files.
        warnings.simplefilter("ignore", UserWarning)
        # XGBoost resolves a link that is given alone, to a name that it cannot open; links in a list it opens as given.
        names = "".join(f"{path};" for path in _plainly_named(files, Path(folder)))
        return xgb.DMatrix(f"{names}?{options}", nthread=nthread)


def _plainly_named(files: list[Path], folder: Path) -> list[Path]:
    """The files, replaced where needed by links in `folder` with plain names. XGBoost takes a name for a pattern in an
    address, in which ? # ; and many other characters have a meaning, and does not find names with letters beyond ASCII.
    """
    if all(_PLAIN.fullmatch(str(path)) for path in files):
        return files
    links = []
    for place, path in enumerate(files):
        link = folder / f"{place:08d}"
        link.symlink_to(path.resolve())
        links.append(link)
    return links


def _check_first_line(name: str, path: Path) -> str:
    """The delimiter of the file. Raises UserError when the first line is a header or not a row of numbers."""
    with path.open(errors="replace") as lines:
        first = lines.readline().strip()
    delimiter = next((mark for mark in (",", "\t", ";", "|", " ") if mark in first), ",")
    for cell in first.split(delimiter):
        try:
            float(cell.strip() or "0")
        except ValueError:
            reason = _wrong_number(cell.strip(), first)
            raise UserError(f"channel {name!r}, file {path.name}: {cell.strip()!r} is no number; {reason}") from None
    if first and not first.split(delimiter)[0].strip():
        raise UserError(f"channel {name!r}, file {path.name}: the label, the first column, is empty in the first line")
    return delimiter


def _wrong_number(cell: str, line: str) -> str:
    """The message for a cell that is not a number: what to do if it is a number in another notation, else what CSV must
    be.
    """
    if cell.startswith("\ufeff"):
        return "the file begins with a byte order mark; save it as UTF-8 without one"
    if cell[:1] in "\"'" and _NUMBER.fullmatch(cell.strip("\"' ")):
        return "numbers are in quotes; save them without (to_csv(quoting=csv.QUOTE_MINIMAL))"
    cells = line.split(";")
    if len(cells) > 1 and all(_NUMBER.fullmatch(each.strip().replace(",", ".", 1)) for each in cells):
        return "numbers are written with a decimal comma; save them with a point (to_csv(decimal='.'))"
    return "CSV must have no header, and numbers in every column, the label first"


def _check_libsvm(name: str, path: Path) -> None:
    """Raise UserError when the first line is not in libsvm's format: XGBoost's parser crashes on other text."""
    with path.open(errors="replace") as lines:
        first = lines.readline().strip()
    if first and not _LIBSVM_LINE.match(first):
        reason = "libsvm lines are a label and then index:value, with blanks between"
        raise UserError(f"channel {name!r}, file {path.name} is not libsvm, it begins with {first[:40]!r}; {reason}")


def _load_parquet(name: str, files: list[Path], weighted: bool, nthread: int | None) -> xgb.DMatrix:
    import numpy as np  # noqa: PLC0415  (parquet alone needs it here)

    with_rows = [path for path in files if path.stat().st_size]
    names = _parquet_names(name, with_rows)
    # Columns are matched by name within a channel, as in the built-in algorithm, in the order of the first file.
    tables = [_parquet(name).ParquetFile(path).read(columns=names) for path in with_rows]
    parts = [np.column_stack([_as_numbers(name, table, column) for column in names]) for table in tables]
    rows = np.concatenate(parts).astype(np.float32)
    return xgb.DMatrix(rows[:, 1:], label=rows[:, 0], nthread=nthread)


def _parquet(name: str) -> Any:
    try:
        from pyarrow import parquet  # noqa: PLC0415  (not in every image; only parquet needs it)
    except ImportError:
        raise UserError(f"channel {name!r} is parquet, which needs pyarrow, and this image has none") from None
    return parquet


def _parquet_names(name: str, files: Sequence[Path]) -> list[str]:
    """The channel's columns in the order of its first file. Raises UserError when another file has different ones."""
    names: list[str] = []
    for path in files:
        found = _columns(_parquet(name).ParquetFile(path).schema_arrow)
        if len(set(found)) < len(found):
            raise UserError(f"channel {name!r}, file {path.name}: two of its columns have one name")
        names = names or found
        if set(found) != set(names):
            differ = sorted(set(found) ^ set(names))
            raise UserError(
                f"channel {name!r}, file {path.name}: its columns are not those of {files[0].name}; only one of the "
                f"two has {_listed(differ)}: every file of a channel needs the same columns"
            )
    return names


def _columns(schema: Any) -> list[str]:
    """The columns of the schema, without those that hold pandas' index, which the built-in algorithm does not count
    either.
    """
    kept = schema.pandas_metadata or {}
    index = {column for column in kept.get("index_columns", ()) if isinstance(column, str)}
    return [str(column) for column in schema.names if column not in index]


def _as_numbers(name: str, table: Any, column: str) -> Any:
    """The column as doubles, with NaN for missing values. Raises UserError when it holds no numbers."""
    import pyarrow as pa  # noqa: PLC0415  (it is there: the table is one of its)

    kind = table.schema.field(column).type
    if pa.types.is_boolean(kind):
        return table[column].cast(pa.int8()).cast(pa.float64()).to_numpy()
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise UserError(f"channel {name!r}: the column {column!r} holds {kind}, and no numbers")
    return table[column].cast(pa.float64(), safe=False).to_numpy()


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:6]))
    return f"{shown} and {len(names) - 6} more" if len(names) > 6 else shown


_LOADERS = {"csv": _load_csv, "libsvm": _load_libsvm, "parquet": _load_parquet}

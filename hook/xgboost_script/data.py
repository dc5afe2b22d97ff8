"""Channels as matrices: csv, libsvm and parquet, with the label first and no header, as the built-in algorithm reads
them.
"""

from __future__ import annotations

import re
import warnings
from email.message import Message
from pathlib import Path

import xgboost as xgb
from environment import Channel
from failure import UserError

_TYPES = {
    "csv": "csv", "text/csv": "csv",
    "libsvm": "libsvm", "text/libsvm": "libsvm", "text/x-libsvm": "libsvm",
    "parquet": "parquet", "application/x-parquet": "parquet",
}  # fmt: skip

# label[:weight], then qid:n or index:value; a comment may follow.
_LIBSVM_LINE = re.compile(r"[^\s:,]+(:[^\s:,]+)?(\s+[A-Za-z0-9]+:[^\s:,]+)*\s*(#.*)?$")


def load_channel(name: str, channel: Channel, *, csv_weights: bool, nthread: int | None) -> xgb.DMatrix:
    """The channel's rows. Raises UserError when it holds none or cannot be read as what it was declared to be."""
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


def _what_was_said(error: Exception) -> str:
    """XGBoost's message without its stack trace, which follows from a line of its own on."""
    message = str(error).partition("Stack trace")[0].strip()
    return message.splitlines()[-1] if message else type(error).__name__


def content_kind(name: str, content_type: str | None) -> str:
    """csv, libsvm or parquet; libsvm when nothing was declared, as with the built-in algorithm. Raises UserError."""
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
    """Data files at any depth; hidden ones and those that begin with an underscore are not data."""
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
    for path in files:
        if any(character in str(path) for character in "?#;"):
            raise UserError(f"the file name {path.name!r} holds one of ? # ; which XGBoost cannot open")
    with warnings.catch_warnings():
        # The built-in algorithm's own parser, deprecated since XGBoost 3.1 and still the one that reads what it reads.
        warnings.simplefilter("ignore", UserWarning)
        return xgb.DMatrix(f"{';'.join(map(str, files))}?{options}", nthread=nthread)


def _check_first_line(name: str, path: Path) -> str:
    """The delimiter; UserError when the first line is a header or no row of numbers."""
    with path.open(errors="replace") as lines:
        first = lines.readline().strip()
    delimiter = next((mark for mark in (",", "\t", ";", "|", " ") if mark in first), ",")
    for cell in first.split(delimiter):
        try:
            float(cell.strip() or "0")
        except ValueError:
            reason = "CSV must have no header, and numbers in every column, the label first"
            raise UserError(f"channel {name!r}, file {path.name}: {cell.strip()!r} is no number; {reason}") from None
    if first and not first.split(delimiter)[0].strip():
        raise UserError(f"channel {name!r}, file {path.name}: the label, the first column, is empty in the first line")
    return delimiter


def _check_libsvm(name: str, path: Path) -> None:
    """UserError when the first line is none of libsvm's: XGBoost's parser does not survive other text."""
    with path.open(errors="replace") as lines:
        first = lines.readline().strip()
    if first and not _LIBSVM_LINE.match(first):
        reason = "libsvm lines are a label and then index:value, with blanks between"
        raise UserError(f"channel {name!r}, file {path.name} is not libsvm, it begins with {first[:40]!r}; {reason}")


def _load_parquet(name: str, files: list[Path], weighted: bool, nthread: int | None) -> xgb.DMatrix:
    try:
        from pyarrow import parquet  # noqa: PLC0415  (not in every image; only parquet needs it)
    except ImportError:
        raise UserError(f"channel {name!r} is parquet, which needs pyarrow, and this image has none") from None
    import numpy as np  # noqa: PLC0415

    tables = [parquet.read_table(path) for path in files]
    rows = np.concatenate([np.column_stack([column.to_numpy() for column in table.columns]) for table in tables])
    rows = rows.astype(np.float32)
    return xgb.DMatrix(rows[:, 1:], label=rows[:, 0], nthread=nthread)


_LOADERS = {"csv": _load_csv, "libsvm": _load_libsvm, "parquet": _load_parquet}

"""Puts the checks of data together: which part of each channel is read, and what is reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gridwatch.domain.notices import Level, Notice
from gridwatch.preflight.channels import compare
from gridwatch.preflight.columns import check_columns, check_rows
from gridwatch.preflight.constraints import check_constraints
from gridwatch.preflight.labels import check_label
from gridwatch.preflight.libsvm import read_libsvm
from gridwatch.preflight.parquet import MissingLibraryError, read_parquet
from gridwatch.preflight.queries import check_queries
from gridwatch.preflight.sampling import BLOCK, Budget, Sample
from gridwatch.preflight.sizes import check_sizes
from gridwatch.preflight.tables import Table, foreign, read_csv
from gridwatch.preflight.targets import Target
from gridwatch.preflight.weights import check_weights
from gridwatch.storage.data_source import DataSource
from gridwatch_rules.failures import PermanentError

_KINDS = {"csv": "csv", "libsvm": "libsvm", "x-libsvm": "libsvm", "parquet": "parquet", "x-parquet": "parquet"}


@dataclass(frozen=True, slots=True)
class ChannelData:
    """One channel: where its bytes are, and what the spec says they are."""

    name: str
    content_type: str
    source: DataSource
    weighted: bool = False  # the second column is the rows' weight (csv_weights)

    @property
    def kind(self) -> str | None:
        """The data's form: csv, libsvm or parquet; None for data that is not checked."""
        return _KINDS.get(self.content_type.split(";", 1)[0].strip().lower().rpartition("/")[2])


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that the data must fit on."""

    instance_types: tuple[str, ...]
    volume_gb: int


@dataclass(frozen=True, slots=True)
class Examined:
    notices: tuple[Notice, ...]
    looked_at: tuple[str, ...]


def examine(channels: Sequence[ChannelData], targets: Sequence[Target], machine: Machine, budget: Budget) -> Examined:
    """Every notice about the data, of which at most `budget` per channel is read.

    Raises TransientError when the source is unwell; faults in the data raise nothing.
    """
    notices: list[Notice] = []
    looked_at: list[str] = []
    tables: dict[str, Table] = {}
    totals: dict[str, int] = {}
    for channel in channels:
        try:
            sample = Sample.of(channel.source, budget)
            totals[channel.name] = sample.total
            table, found = _read(channel, sample, budget)
        except (OSError, PermanentError) as error:
            # The jobs' role may read what this one may not.
            notices.append(
                Notice(
                    check="format", message=f"cannot be read from here: {error}", channel=channel.name, level=Level.WARN
                )
            )
            continue
        notices += found
        looked_at.append(_said(channel, sample, table))
        if table is not None and table.count:
            tables[channel.name] = table
            notices += _featureless(table)
            notices += check_label(table, targets)
            notices += check_weights(table)
            notices += check_constraints(table, targets)
            notices += check_queries(table, targets)
            notices += check_columns(table)
            notices += check_rows(table)
    train = tables.get("train")
    for name, table in tables.items():
        if train is not None and name != "train":
            notices += compare(train, table)
    text = all(channel.kind != "parquet" for channel in channels)
    notices += check_sizes(totals, machine.instance_types, machine.volume_gb, text=text)
    return Examined(tuple(_once(notices)), tuple(looked_at))


def _read(channel: ChannelData, sample: Sample, budget: Budget) -> tuple[Table | None, list[Notice]]:
    gone = list(_empty(channel, sample))
    if not sample.total or channel.kind is None:
        return None, gone
    if channel.kind == "parquet":
        try:
            return _with(gone, read_parquet(sample, channel.name, budget))
        except MissingLibraryError:
            return None, gone
    other = list(foreign(sample, channel.name, channel.kind))
    if other:
        return None, [*gone, *other]
    if channel.kind == "libsvm":
        return _with(gone, read_libsvm(sample, channel.name, budget))
    return _with(gone, read_csv(sample, channel.name, budget, weighted=channel.weighted))


def _with(gone: list[Notice], read: tuple[Table, list[Notice]]) -> tuple[Table, list[Notice]]:
    table, found = read
    if not table.count and not found:
        message = f"no line ends within {BLOCK >> 10} KiB: these are no rows" if not table.is_whole else ""
        check = "format" if message else "empty"
        found = [Notice(check=check, message=message or "there is no row in it", channel=table.channel)]
    return table, [*gone, *found]


def _featureless(table: Table) -> Iterator[Notice]:
    if not table.has_features:
        message = "its rows have a label and no feature: XGBoost fails in its first round"
        advice = "put the features behind the label, and see which delimiter stands between"
        yield Notice(check="columns", message=message, channel=table.channel, advice=advice)


def _empty(channel: ChannelData, sample: Sample) -> Iterator[Notice]:
    if not sample.total:
        message = "all of its files are empty" if sample.files else "there is no file in it"
        yield Notice(check="empty", message=message, channel=channel.name, advice="upload the data first")
        return
    for file in [file for file in sample.files if not file.size][:3]:
        yield Notice(check="empty", message="the file is empty", channel=channel.name, file=file.name, level=Level.WARN)


def _said(channel: ChannelData, sample: Sample, table: Table | None) -> str:
    part = "all" if sample.is_whole else f"{sample.read / sample.total:.1%}, evenly spread,"
    files = f"{len(sample.files)} file{'s' if len(sample.files) != 1 else ''}"
    said = f"{channel.name}: read {part} of {sample.total:,} bytes in {files}"
    if table is None:
        return f"{said}, whose rows were not looked at"
    kept = "" if table.count == table.seen else f", {table.count:,} of them by their values"
    return f"{said}; {table.seen:,} rows{kept}"


def _once(notices: Sequence[Notice]) -> Iterator[Notice]:
    """The notices without repetition: what is reported of a column in one channel is not reported again for the
    next.
    """
    known: set[tuple[object, ...]] = set()
    for notice in notices:
        key = (notice.check, notice.channel, notice.file, notice.row, notice.column, notice.message)
        if key not in known:
            known.add(key)
            yield notice

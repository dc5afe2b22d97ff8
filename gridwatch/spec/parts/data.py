"""The section about the inputs of a training job."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gridwatch.spec.parts.section import Section

InputMode = Literal["File", "FastFile", "Pipe"]


class FileSystem(Section):
    """A file system instead of S3; the jobs need the network that it is in."""

    id: Annotated[str, StringConstraints(pattern=r"^fs-[0-9a-f]+$", min_length=11, max_length=64)]
    type: Annotated[Literal["EFS", "FSxLustre"], Field(description="which service it is of")]
    path: Annotated[str, StringConstraints(pattern=r"^/.*$", max_length=4_096)]
    access: Annotated[Literal["ro", "rw"], Field(description="read, or read and write")] = "ro"


class Window(Section):
    """The last `days` days up to and with `until` (the day before the upload, in UTC, unless said), of dated prefixes:
    `uri` holds `{date}`, or `{date:%Y/%m/%d}` where days are written otherwise.
    """

    days: Annotated[int, Field(ge=1, le=366, description="how many days")]
    until: Annotated[
        str | None, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$"), Field(description="the last of them, YYYY-MM-DD")
    ] = None
    may_lack: Annotated[int, Field(ge=0, le=365, description="of so many days there may be no data")] = 0


class Channel(Section):
    """One input of the training job: an address in S3 (`uri`), or a `file_system`."""

    uri: Annotated[
        str | None,
        Field(
            min_length=1, max_length=1_024, description="s3://bucket/prefix, or below data/ of the experiments bucket"
        ),
    ] = None
    window: Annotated[Window | None, Field(description="the last days of dated prefixes")] = None
    file_system: FileSystem | None = None
    content_type: Annotated[str | None, Field(min_length=1, max_length=256, description="such as text/csv")] = None
    input_mode: Annotated[
        InputMode | None, Field(description="File: copied first; FastFile: read as files when needed; Pipe: streamed")
    ] = None
    kind: Annotated[
        Literal["prefix", "manifest", "augmented_manifest"],
        Field(description="what lies at uri: the objects, a list of them, or lines of JSON with their labels"),
    ] = "prefix"
    attributes: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=256)]] | None,
        Field(min_length=1, max_length=16, description="of an augmented manifest: the keys to read, in order"),
    ] = None
    record_wrapper: Annotated[Literal["RecordIO"] | None, Field(description="wrap each object as a record")] = None
    compression: Annotated[Literal["gzip"] | None, Field(description="unpack while streaming")] = None
    sharded: Annotated[bool, Field(description="each instance gets a part of the objects, not all")] = False
    shuffle_seed: Annotated[
        int | None, Field(ge=0, le=2**63 - 1, description="shuffle the objects anew each epoch")
    ] = None
    instance_groups: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=64)]] | None,
        Field(min_length=1, max_length=5, description="only these groups of instances get the channel"),
    ] = None

"""Reads a channel: the S3 objects of one host's share, copied into a folder or streamed as one run of bytes.

Rules of sharding, manifests, shuffling, compression and record wrapping:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Channel.html and API_S3DataSource.html
"""

import json
import random
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from gridwatch.localcloud.sagemaker.storage import split_uri, under_prefix

_CHUNK = 1 << 20
# RecordIO: magic, length of the record (its upper three bits are a continuation flag), data, zeros to the next word.
_MAGIC = 0xCED7230A


class InputError(Exception):
    """A channel cannot be read; the message becomes the job's FailureReason."""


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a sharded channel that a host gets: number ``index`` of ``count``."""

    index: int = 0
    count: int = 1


@dataclass(frozen=True, slots=True)
class _Object:
    bucket: str
    key: str
    relative: str


def download_channel(s3: Any, channel: Mapping[str, Any], folder: Path, share: Share = Share()) -> int:
    """Copy a host's share of a channel's objects into ``folder``; returns their number. Raises InputError when the
    channel has none.
    """
    with _ClientErrors():
        objects = _shared(_objects(s3, channel), channel, share, epoch=0)
        for found in objects:
            target = folder / found.relative
            if not target.resolve().is_relative_to(folder.resolve()):
                raise InputError(
                    f"ClientError: Data download failed: object key {found.key} leaves the channel's folder"
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(found.bucket, found.key, str(target))
        return len(objects)


def check_channel(s3: Any, channel: Mapping[str, Any]) -> None:
    """Check a channel. Raises InputError when there is nothing to stream."""
    with _ClientErrors():
        if channel["DataSource"]["S3DataSource"]["S3DataType"] != "AugmentedManifestFile":
            _objects(s3, channel)
        else:
            next(_lines(s3, channel), None)


def stream_channel(s3: Any, channel: Mapping[str, Any], share: Share, epoch: int) -> Iterator[bytes]:
    """Stream a host's share of the channel once, as a pipe carries it. Raises InputError."""
    with _ClientErrors():
        if channel["DataSource"]["S3DataSource"]["S3DataType"] == "AugmentedManifestFile":
            records = _augmented(s3, channel, share, epoch)
        else:
            objects = _shared(_objects(s3, channel), channel, share, epoch)
            records = (_content(s3, channel, found) for found in objects)
        for record in records:
            yield from _wrapped(record) if channel.get("RecordWrapperType") == "RecordIO" else record


class _ClientErrors:
    """A block that turns S3's refusals into a reason for the job."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ClientError):
            said = error.response["Error"].get("Message", error)
            raise InputError(f"ClientError: Data download failed:{said}") from error


def _objects(s3: Any, channel: Mapping[str, Any]) -> list[_Object]:
    """All objects of the channel, in the order of their keys or of the manifest. Raises InputError when there
    are none.
    """
    source = channel["DataSource"]["S3DataSource"]
    bucket, key = split_uri(source["S3Uri"])
    if source["S3DataType"] == "S3Prefix":
        found = [_Object(*each) for each in under_prefix(s3, bucket, key)]
    else:
        found = list(_of_manifest(s3, source["S3Uri"]))
    if not found:
        raise InputError(
            f"ClientError: Data download failed:No S3 objects found under S3 URL {source['S3Uri']!r} given in input "
            "data source. Please ensure that the bucket exists in the selected region, that objects exist under that "
            "S3 prefix, and that the role has s3:ListBucket permissions."
        )
    return found


def _of_manifest(s3: Any, uri: str) -> Iterator[_Object]:
    """The objects that a manifest lists. Raises InputError, as its author's fault, for an invalid manifest and for one
    that lists nothing or missing objects.

    The form is that of API_S3DataSource: a prefix, then what follows it in the address of each object.
    """
    bucket, key = split_uri(uri)
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        manifest = json.loads(body)
    except ValueError as error:
        raise _wrong(uri, f"it is not JSON: {error}") from error
    if not isinstance(manifest, list) or not manifest:
        raise _wrong(uri, "it is no JSON array with a prefix as its first element")
    first, names = manifest[0], manifest[1:]
    prefix = first.get("prefix") if isinstance(first, dict) else None
    if not isinstance(prefix, str) or not prefix.startswith("s3://"):
        raise _wrong(uri, 'its first element is not {"prefix": "s3://bucket/path/"}')
    if not names or not all(isinstance(name, str) and name for name in names):
        raise _wrong(
            uri, "after its prefix it lists no objects" if not names else "it lists what is no name of an object"
        )
    target, root = split_uri(prefix)
    for name in names:
        if not _is_there(s3, target, f"{root}{name}"):
            raise _wrong(uri, f"it lists s3://{target}/{root}{name}, which is not there")
        yield _Object(target, f"{root}{name}", name)


def _wrong(uri: str, why: str) -> InputError:
    return InputError(f"ClientError: Data download failed:the manifest {uri} cannot be used: {why}")


def _is_there(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        return False
    return True


def _shared(found: list[Any], channel: Mapping[str, Any], share: Share, epoch: int) -> list[Any]:
    """One host's objects: shuffled anew for each epoch where that is asked for; then every count-th, where the channel
    is sharded.

    All hosts shuffle alike, so that together they see each object once.
    """
    found = list(found)
    if shuffle := channel.get("ShuffleConfig"):
        random.Random(shuffle["Seed"] + epoch).shuffle(found)  # noqa: S311  (an order, no secret)
    sharded = channel["DataSource"]["S3DataSource"].get("S3DataDistributionType") == "ShardedByS3Key"
    return found[share.index :: share.count] if sharded else found


def _content(s3: Any, channel: Mapping[str, Any], found: _Object) -> Iterator[bytes]:
    chunks = s3.get_object(Bucket=found.bucket, Key=found.key)["Body"].iter_chunks(_CHUNK)
    yield from _decompressed(chunks) if channel.get("CompressionType") == "Gzip" else chunks


def _decompressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of gzip data, which may have several members one after another."""
    engine = zlib.decompressobj(wbits=31)
    try:
        for chunk in chunks:
            yield engine.decompress(chunk)
            while engine.eof and engine.unused_data:
                rest = engine.unused_data
                engine = zlib.decompressobj(wbits=31)
                yield engine.decompress(rest)
    except zlib.error as error:
        raise InputError(f"ClientError: Data download failed:CompressionType is Gzip, but {error}") from error
    yield engine.flush()


def _wrapped(record: Iterable[bytes]) -> Iterator[bytes]:
    content = b"".join(record)
    yield struct.pack("<II", _MAGIC, len(content)) + content + b"\0" * (-len(content) % 4)


def _augmented(s3: Any, channel: Mapping[str, Any], share: Share, epoch: int) -> Iterator[Iterator[bytes]]:
    """The records of an augmented manifest: each attribute of each line is one, in the order of AttributeNames;
    ``…-ref`` names an object.
    """
    source = channel["DataSource"]["S3DataSource"]
    for line in _shared(list(_lines(s3, channel)), channel, share, epoch):
        for name in source.get("AttributeNames", []):
            if name not in line:
                raise InputError(f"ClientError: Data download failed:a line of {source['S3Uri']} has no {name!r}")
            if name.endswith("-ref"):
                if not isinstance(line[name], str) or not line[name].startswith("s3://"):
                    raise _wrong(source["S3Uri"], f"{name!r} of a line is no s3:// address")
                bucket, key = split_uri(line[name])
                yield _content(s3, channel, _Object(bucket, key, key))
            else:
                value = line[name]
                yield iter([(value if isinstance(value, str) else json.dumps(value)).encode()])


def _lines(s3: Any, channel: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    source = channel["DataSource"]["S3DataSource"]
    bucket, key = split_uri(source["S3Uri"])
    body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    for number, line in enumerate(body.iter_lines(), 1):
        if line.strip():
            try:
                found = json.loads(line)
            except ValueError as error:
                raise _wrong(source["S3Uri"], f"line {number} is no JSON: {error}") from error
            if not isinstance(found, dict):
                raise _wrong(source["S3Uri"], f"line {number} is no JSON object")
            yield found

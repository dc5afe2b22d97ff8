"""Manifests: how SageMaker reads a channel that lists its objects instead of holding them under one prefix.

The forms are those of API reference S3DataSource. ManifestFile: a JSON array whose first element is
`{"prefix": "s3://bucket/path/"}`, and then what follows the prefix in the address of each object.
AugmentedManifestFile: a JSON object on each line, whose attributes are the data, or with `-ref` the address of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from gridwatch.domain.notices import Level, Notice
from gridwatch.spec.addresses import is_object, is_prefix
from gridwatch.storage.data_source import DataFile, DataSource
from gridwatch_rules.failures import PermanentError
from gridwatch_rules.wording import counted

LARGEST = 64 * 1024 * 1024
_CHECKED = 2_000  # objects or lines that are looked for, evenly spread; SageMaker looks for all
_TOLD = 3

OpenUri = Callable[[str], DataSource]  # from an address in S3


class ManifestError(ValueError):
    """A manifest that SageMaker cannot read; the message says what is wrong with it and what to do."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


@dataclass(slots=True)
class Listed:
    """The objects that a manifest lists, as a source of data. `absent`: those that were looked for and do not exist."""

    source: DataSource
    found: list[DataFile] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    def files(self) -> Sequence[DataFile]:
        return self.found

    def read(self, key: str, start: int, length: int) -> bytes:
        return self.source.read(key, start, length)


def manifest_bytes(source: DataSource) -> bytes:
    """The manifest itself. Raises ManifestError when there is none, or more than one object."""
    files = source.files()
    if len(files) != 1:
        raise ManifestError(
            f"a manifest is one object, here are {len(files):,}", "name the manifest's own address as uri"
        )
    if files[0].size > LARGEST:
        raise ManifestError(f"it has {files[0].size:,} bytes, of which at most {LARGEST:,} are read", "split it")
    return source.read(files[0].key, 0, files[0].size)


def listed_uris(content: bytes) -> list[str]:
    """The addresses that a ManifestFile lists, in its order. Raises ManifestError."""
    document = _json(content, "it")
    if not isinstance(document, list) or not document:
        what = "an empty array" if document == [] else f"a JSON {_kind(document)}"
        raise ManifestError(f"it is {what}, and no array that begins with a prefix", _FORM)
    first, names = document[0], document[1:]
    prefix = first.get("prefix") if isinstance(first, dict) else None
    if not isinstance(prefix, str):
        raise ManifestError(f"its first element is {_shown(first)}, and no prefix", _FORM)
    if not is_prefix(prefix):
        raise ManifestError(f"its prefix {_shown(prefix)} is no S3 address", _FORM)
    if not names:
        raise ManifestError("it lists no object after its prefix", _FORM)
    for place, name in enumerate(names, 2):
        if not isinstance(name, str) or not name:
            raise ManifestError(f"its element {place:,} is {_shown(name)}, and no name of an object", _FORM)
        if not is_object(prefix + name):
            raise ManifestError(f"its element {place:,}, {_shown(name)}, makes no S3 address after its prefix", _FORM)
    repeated = len(names) - len(set(names))
    if repeated:
        message = f"it lists {counted(repeated, 'object')} more than once, so that their rows would count twice"
        raise ManifestError(message, "list each once")
    return [prefix + name for name in names]


def augmented_uris(content: bytes, attributes: Sequence[str]) -> list[str]:
    """The addresses that an AugmentedManifestFile refers to under these attributes. Raises ManifestError."""
    found, lines = [], 0
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        lines += 1
        document = _json(line, f"line {number:,}")
        if not isinstance(document, dict):
            raise ManifestError(f"line {number:,} is a JSON {_kind(document)}, and no object", _LINES)
        for name in attributes:
            if name not in document:
                has = ", ".join(map(repr, list(document)[:6]))
                raise ManifestError(
                    f"line {number:,} has no {name!r}; it has {has or 'nothing'}", "see data.attributes"
                )
            if name.endswith("-ref"):
                if not isinstance(document[name], str) or not is_object(document[name]):
                    raise ManifestError(f"line {number:,}: {name!r} is {_shown(document[name])}, no S3 address", _LINES)
                found.append(document[name])
    if not lines:
        raise ManifestError("it has no line", _LINES)
    return found


def check_listed(uris: Sequence[str], open_uri: OpenUri) -> tuple[Listed | None, list[str]]:
    """The listed objects as a source, None when they lie in several buckets; and the addresses that do not exist.

    Of very many objects an evenly spread selection is looked for. Raises OSError and gridwatch_rules.failures errors.
    """
    stride = -(-len(uris) // _CHECKED)
    looked_for = uris[::stride]
    buckets = {uri.split("/", 3)[2] for uri in uris}
    absent: list[str] = []
    listed: Listed | None = None
    for bucket in sorted(buckets):
        of_it = [uri for uri in looked_for if uri.split("/", 3)[2] == bucket]
        source, known = _known(of_it, open_uri)
        absent += [uri for uri in of_it if uri.split("/", 3)[3] not in known]
        if len(buckets) == 1:
            files = [known[key] for uri in of_it if (key := uri.split("/", 3)[3]) in known]
            listed = Listed(source, files, absent)
    return listed, absent


def _known(uris: Sequence[str], open_uri: OpenUri) -> tuple[DataSource, dict[str, DataFile]]:
    """The objects of one bucket below what the addresses have in common, by key."""
    common = _in_common(uris)
    source = open_uri(common)
    return source, {file.key: file for file in source.files()}


def _in_common(uris: Sequence[str]) -> str:
    first, last = min(uris), max(uris)
    length = next((place for place, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), None)
    return first if length is None else first[: max(length, first.index("/", 5) + 1)]


def notices_of(channel: str, file: str, absent: Sequence[str], error: ManifestError | None) -> Iterator[Notice]:
    """The notices about a channel's manifest."""
    if error is not None:
        yield Notice(check="manifest", message=str(error), channel=channel, file=file, advice=error.advice)
    for uri in absent[:_TOLD]:
        yield Notice(
            check="manifest", message=f"it lists {uri}, which is not there", channel=channel, file=file,
            advice="upload it first, or take it out of the manifest",
        )  # fmt: skip
    if len(absent) > _TOLD:
        more = f"and {len(absent) - _TOLD:,} more that are not there"
        yield Notice(check="manifest", message=more, channel=channel, file=file)


def unlooked(channel: str, why: str) -> Notice:
    """The notice that a manifest could not be checked from here, which is no fault of the manifest."""
    return Notice(check="manifest", message=f"its manifest was not looked at: {why}", channel=channel, level=Level.WARN)


@dataclass(frozen=True, slots=True)
class LookedInto:
    """What was found out about a channel's manifest. `source`: the objects that it lists, where they can be read."""

    notices: tuple[Notice, ...]
    looked_at: str
    source: DataSource | None = None


def look_into(
    channel: str, source: DataSource, attributes: Sequence[str] | None, open_uri: OpenUri | None
) -> LookedInto:
    """Every notice about a manifest. `attributes`: those of an augmented one. Raises TransientError."""
    try:
        content = manifest_bytes(source)
        uris = listed_uris(content) if attributes is None else augmented_uris(content, attributes)
        file = source.files()[0].name
    except ManifestError as error:
        return LookedInto(
            tuple(notices_of(channel, _name(source), (), error)), f"{channel}: its manifest cannot be read"
        )
    except (OSError, PermanentError) as error:
        return LookedInto((unlooked(channel, str(error)),), f"{channel}: its manifest was not looked at")
    listing = f"{channel}: a manifest of {len(uris):,} object{'' if len(uris) == 1 else 's'}"
    if open_uri is None or not uris:
        return LookedInto(
            (), f"{listing}, which were not looked for" if uris else f"{channel}: a manifest with its data"
        )
    try:
        listed, absent = check_listed(uris, open_uri)
    except (OSError, PermanentError) as error:
        return LookedInto((unlooked(channel, f"what it lists cannot be reached: {error}"),), f"{listing}, out of reach")
    looked_for = min(len(uris), len(uris[:: -(-len(uris) // _CHECKED)]))
    said = f"{listing}, {looked_for:,} of which were looked for: {len(absent):,} are not there"
    usable = listed if attributes is None and not absent else None
    return LookedInto(tuple(notices_of(channel, file, absent, None)), said, usable)


def _name(source: DataSource) -> str:
    files = source.files()
    return files[0].name if files else ""


_FORM = 'write [{"prefix": "s3://bucket/path/"}, "name", …] as JSON: the prefix, then what follows it in each address'
_LINES = "write a JSON object on each line, with the attributes that the channel names"


def _json(content: bytes, what: str) -> Any:
    if content.startswith(b"\xef\xbb\xbf"):
        raise ManifestError(f"{what} begins with a byte order mark", "save it as UTF-8 without one")
    try:
        # As text: of bytes, Python's reader would take UTF-16 too.
        return json.loads(content.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{what} is no JSON: {error}", _FORM if what == "it" else _LINES) from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no value of JSON")


def _kind(document: object) -> str:
    kinds = {dict: "object", list: "array", str: "text", bool: "flag", int: "number", float: "number"}
    return kinds.get(type(document), "null")


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 60 else f"{text[:59]}…"

"""Compares a fingerprint with what exists now: what is gone or different, and what can be restored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gridwatch.grid.identity import data_digest
from gridwatch.reproduce.fingerprint import MAX_OBJECTS, Fingerprint, ImageVersion, Recorded
from gridwatch.storage.layout import s3_uri, split_s3_uri
from gridwatch_rules.failures import PermanentError

_NAMED = 5  # objects of one channel, in words


class State(StrEnum):
    SAME = "same"
    EARLIER = "earlier version"  # it is other now; what it was is there still and is used
    UNKNOWN = "unknown"  # nothing was recorded of it, or nothing can be told
    OTHER = "other"  # it is other now and the former cannot be had
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference from the fingerprint. `hinders`: with it the trial would not be the same one."""

    what: str
    state: State
    words: str
    hinders: bool = False


@dataclass(frozen=True, slots=True)
class Copy:
    """One version of an object, from which it can be restored."""

    key: str
    version: str


@dataclass(frozen=True, slots=True)
class Findings:
    """The differences, and what must be restored. `restore`: by the recorded name, all of its objects as they were.

    `image_digest`: the digest by which the image must be named, since its tag stands for another one now.
    """

    differences: tuple[Difference, ...]
    restore: Mapping[str, tuple[Copy, ...]] = field(default_factory=dict)
    image_digest: str | None = None

    @property
    def hindrances(self) -> tuple[Difference, ...]:
        return tuple(each for each in self.differences if each.hinders)


class Archive(Protocol):
    """The port to former versions of objects and images. Raises gridwatch_rules.failures errors."""

    def etags(self, uri: str) -> Mapping[str, str]:
        """Key to etag of every object under an address now."""
        ...

    def version(self, uri: str, etag: str, known: str | None) -> str | None:
        """The version of the object that has this etag, looking at `known` first; None when there is none any more."""
        ...

    def has_version(self, uri: str, version: str) -> bool: ...

    def image(self, address: str) -> ImageVersion: ...


@dataclass(frozen=True, slots=True)
class Place:
    """The deployment in which the trial would run now."""

    region: str
    account: str
    experiments_bucket: str


def find_differences(fingerprint: Fingerprint, image: str, place: Place, archive: Archive) -> Findings:
    """The differences in the order of region, spec, code, image, data. `image`: the trial's address."""
    search = _Search(fingerprint, archive)
    search.place(place)
    search.spec(place)
    if fingerprint.code is not None:
        search.objects(fingerprint.code, "code")
    search.image(image)
    if fingerprint.hook is not None:
        search.objects(fingerprint.hook, f"hook {fingerprint.hook_version}")
    for channel in fingerprint.data:
        search.objects(channel, f"data {channel.name}")
    return Findings(tuple(search.found), search.restore, search.image_digest)


@dataclass(slots=True)
class _Search:
    fingerprint: Fingerprint
    archive: Archive
    found: list[Difference] = field(default_factory=list)
    restore: dict[str, tuple[Copy, ...]] = field(default_factory=dict)
    image_digest: str | None = None

    def _tell(self, what: str, state: State, words: str) -> None:
        self.found.append(Difference(what, state, words, state in (State.OTHER, State.GONE) and what != "spec"))

    def place(self, place: Place) -> None:
        for what, was, now in (
            ("region", self.fingerprint.region, place.region),
            ("account", self.fingerprint.account, place.account),
        ):
            same = was == now
            self._tell(what, State.SAME if same else State.OTHER, now if same else f"it was {was}, here is {now}")

    def spec(self, place: Place) -> None:
        """The difference in the spec, which hinders nothing: what was made from the spec is in the fingerprint."""
        key, version = self.fingerprint.spec_key, self.fingerprint.spec_version
        uri = s3_uri(place.experiments_bucket, key)
        there = self._is_there(uri, version)
        if there is None:
            self._tell("spec", State.UNKNOWN, f"{uri} may not be read")
        elif there:
            self._tell("spec", State.SAME, f"{uri} version {version}")
        else:
            words = f"{uri} has no version {version} any more; the fingerprint has what was made of it"
            self._tell("spec", State.GONE, words)

    def _is_there(self, uri: str, version: str) -> bool | None:
        try:
            return self.archive.has_version(uri, version)
        except PermanentError:
            return None

    def image(self, address: str) -> None:
        then, now = self.fingerprint.image(address), self.archive.image(address)
        if then.digest is None:
            self._tell("image", State.UNKNOWN, f"{address}: its digest was not recorded ({then.note})")
        elif now.digest == then.digest:
            self._tell("image", State.SAME, f"{address} {then.digest}")
        else:
            self._earlier_image(address, then.digest, now)

    def _earlier_image(self, address: str, digest: str, now: ImageVersion) -> None:
        by_digest = f"{_without_tag(address)}@{digest}"
        if self.archive.image(by_digest).digest == digest:
            self.image_digest = by_digest
            self._tell("image", State.EARLIER, f"{address} stands for {now.digest} now; {by_digest} is used")
        elif now.digest is not None:
            self._tell("image", State.OTHER, f"{address} stands for {now.digest} now; {digest} is gone")
        else:
            self._tell("image", State.GONE, f"{address}: {now.note}")

    def objects(self, recorded: Recorded, what: str) -> None:
        """The differences in objects: a script's archive or a channel."""
        if recorded.kind == "file_system":
            self._tell(what, State.UNKNOWN, f"{recorded.uri}: what is in a file system is not recorded")
            return
        try:
            now = dict(self.archive.etags(_listed(recorded)))
        except PermanentError as error:
            self._tell(what, State.UNKNOWN, f"{recorded.uri} may not be read: {error.code or error}")
            return
        if not recorded.count:
            state = State.UNKNOWN if now else State.GONE
            self._tell(what, state, f"{recorded.uri}: its version was not recorded{'' if now else ', and it is gone'}")
            return
        if recorded.kind == "window":
            kept = {each.key for each in recorded.objects}
            now = {key: etag for key, etag in now.items() if key in kept}
        if data_digest(now) == recorded.digest:
            note = "; the objects that it names are not recorded" if "manifest" in recorded.kind else ""
            self._tell(what, State.SAME, f"{recorded.uri}, {_objects(recorded.count)}{note}")
        elif recorded.objects:
            self._bring_back(recorded, what, now)
        else:
            words = (
                f"{recorded.uri}: its listing is other now; of more than {MAX_OBJECTS} objects none is known by name"
            )
            self._tell(what, State.OTHER, words)

    def _bring_back(self, recorded: Recorded, what: str, now: Mapping[str, str]) -> None:
        bucket, _ = split_s3_uri(recorded.uri)
        copies: list[Copy] = []
        changed: list[str] = []
        lost: list[str] = []
        for each in recorded.objects:
            version = self.archive.version(s3_uri(bucket, each.key), each.etag, each.version)
            if now.get(each.key) != each.etag:
                (lost if version is None else changed).append(
                    f"{each.key} ({'overwritten' if each.key in now else 'deleted'}, "
                    f"{'its version ' + (each.version or each.etag) + ' is gone' if version is None else version})"
                )
            copies.append(Copy(each.key, version or ""))
        added = [key for key in now if key not in {each.key for each in recorded.objects}]
        if lost:
            self._tell(what, State.GONE, f"{recorded.uri}: {_told(lost)}")
            return
        self.restore[recorded.name] = tuple(copies)
        parts = [f"was {_told(changed)}"] if changed else []
        parts += [f"has new objects, which are left out: {_told(added)}"] if added else []
        self._tell(what, State.EARLIER, f"{recorded.uri} {'; it '.join(parts)}; a copy as it was is used")


def _listed(recorded: Recorded) -> str:
    """The address under which the objects are listed: for a window, the common beginning of the days' addresses."""
    return recorded.uri.partition("{")[0]


def _without_tag(address: str) -> str:
    host, _, name = address.rpartition("/")
    return f"{host}/{name.partition('@')[0].partition(':')[0]}"


def _told(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count} objects"

"""Copies files between S3 and a job's folders: artifacts at the end, synced folders all the time."""

import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Half-written files: the hook's, and what SageMaker's sync of checkpoints passes over.
_PASSED = (".tmp", ".sagemaker-ignore")


def split_uri(uri: str) -> tuple[str, str]:
    """The address ``s3://bucket/key`` as (bucket, key); a key may hold any character, even those with a meaning in
    URLs.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def under_prefix(s3: Any, bucket: str, prefix: str) -> Iterator[tuple[str, str, str]]:
    """Bucket, key and path below the prefix of every object there, in the order of the keys."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            if not item["Key"].endswith("/"):
                yield bucket, item["Key"], _relative(item["Key"], prefix)


def _relative(key: str, prefix: str) -> str:
    """The path below the prefix read as a folder; a prefix that ends inside a name keeps that name whole."""
    rest = key[len(prefix) :]
    is_folder = prefix.endswith("/") or not prefix or rest.startswith("/")
    return rest.lstrip("/") if is_folder else key[prefix.rfind("/") + 1 :]


def upload_archive(s3: Any, folder: Path, uri: str) -> None:
    """Upload the folder's content as ``uri`` (a ``.tar.gz`` key)."""
    bucket, key = split_uri(uri)
    with tempfile.NamedTemporaryFile(suffix=".tar.gz", dir=folder.parent) as archive:
        with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as bundle:
            for path in sorted(folder.iterdir()):
                bundle.add(path, arcname=path.name)
        archive.flush()
        s3.upload_file(archive.name, bucket, key)


def upload_folder(s3: Any, folder: Path, uri: str) -> None:
    """Upload every file below ``folder`` under the prefix ``uri``."""
    FolderSync(s3, folder, uri).flush()


def mark_end(s3: Any, uri: str) -> None:
    """Tell readers of tensors that no more will come; the platform writes this marker, not the hook."""
    bucket, prefix = split_uri(uri)
    s3.put_object(Bucket=bucket, Key=f"{prefix.rstrip('/')}/training_job_end.ts", Body=b"")


@dataclass(frozen=True, slots=True)
class _Seen:
    size: int
    modified: int


class FolderSync:
    """Copies a growing folder to S3. A file is uploaded once two looks in a row find it the same, so none goes half
    written.

    Files of ``index/`` go last: whoever sees an index file finds its events file.
    """

    def __init__(self, s3: Any, folder: Path, uri: str) -> None:
        self._s3 = s3
        self._folder = folder
        self._bucket, self._prefix = split_uri(uri.rstrip("/") + "/")
        self._looked: dict[Path, _Seen] = {}
        self._sent: dict[Path, _Seen] = {}

    def download(self) -> None:
        """Fill the folder with what the prefix already holds (a checkpoint from an earlier attempt)."""
        for _, key, relative in under_prefix(self._s3, self._bucket, self._prefix):
            target = self._folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            self._s3.download_file(self._bucket, key, str(target))
            self._sent[target] = _seen(target)

    def look(self) -> None:
        """Send the files that have not changed since the last look."""
        found = {path: _seen(path) for path in self._files()}
        settled = [path for path, seen in found.items() if self._looked.get(path) == seen]
        self._looked = found
        self._send(settled)

    def flush(self) -> None:
        """Send all that has not been sent, after the writer has ended."""
        self._send(self._files())

    def _files(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        paths = [
            Path(root) / name
            for root, _, names in os.walk(self._folder)
            for name in names
            if not name.endswith(_PASSED)
        ]
        return sorted(paths, key=lambda path: ("index" in path.parts, path))

    def _send(self, paths: list[Path]) -> None:
        for path in paths:
            seen = _seen(path)
            if seen.size >= 0 and self._sent.get(path) != seen:
                # A script may delete its old checkpoints at any moment.
                with suppress(FileNotFoundError):
                    key = self._prefix + path.relative_to(self._folder).as_posix()
                    self._s3.upload_file(str(path), self._bucket, key)
                    self._sent[path] = seen


def _seen(path: Path) -> _Seen:
    try:
        status = path.stat()
    except FileNotFoundError:
        return _Seen(-1, -1)
    return _Seen(status.st_size, status.st_mtime_ns)

"""Reads objects of S3 by their addresses."""

from __future__ import annotations

from collections.abc import Sequence

from gridwatch_rules.rules.custom.recorded import current_access
from gridwatch_rules.rules.custom.smdebug.core.logger import get_logger
from gridwatch_rules.rules.custom.smdebug.core.utils import is_s3
from gridwatch_rules.rules.custom.smdebug.exceptions import SMDebugValueError
from gridwatch_rules.tensors.source import ByteRange

logger = get_logger()

__all__ = ["ListRequest", "ReadObjectRequest", "S3Handler", "is_s3"]


class ReadObjectRequest:
    """The request for an object, or for `length` bytes of it from `start`."""

    def __init__(self, path: str, start: int | None = None, length: int | None = None) -> None:
        self.is_s3, self.bucket, self.key = is_s3(path)
        if not self.is_s3:
            self.bucket = path
            self.key = None
        if length is not None and start is None:
            raise SMDebugValueError("start must be set if length is")
        self.start = start
        self.length = length
        self.download_entire_file = start is None


class ListRequest:
    """The request for the keys of a bucket that start with `Prefix` and sort after `StartAfter`."""

    def __init__(self, Bucket: str, Prefix: str = "", Delimiter: str = "", StartAfter: str = "") -> None:
        self.bucket = Bucket
        self.prefix = Prefix
        self.delimiter = Delimiter
        self.start_after = StartAfter


class S3Handler:
    """Lists and reads objects with the credentials of the process."""

    @staticmethod
    def list_prefixes(list_requests: Sequence[ListRequest]) -> list[list[str]]:
        return [S3Handler.list_prefix(request) for request in list_requests]

    @staticmethod
    def list_prefix(lr: ListRequest) -> list[str]:
        return list(current_access().folder(f"s3://{lr.bucket}").keys(lr.prefix, lr.start_after))

    @staticmethod
    def get_object(object_request: ReadObjectRequest) -> bytes | None:
        place = ByteRange(object_request.key or "", object_request.start or 0, object_request.length)
        if not object_request.is_s3:
            folder, _, name = str(object_request.bucket).rpartition("/")
            return current_access().folder(folder).read([place._replace(key=name)])[0]
        return current_access().folder(f"s3://{object_request.bucket}").read([place])[0]

    @staticmethod
    def get_objects(
        object_requests: Sequence[ReadObjectRequest], use_multiprocessing: bool = True, n_process: int | None = None
    ) -> list[bytes | None]:
        del use_multiprocessing, n_process  # requests to S3 are made together in any case
        return [S3Handler.get_object(request) for request in object_requests]

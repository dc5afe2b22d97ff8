"""What S3 refuses and MiniStack does not (API reference; User Guide, "Creating object key names", "Policies")."""

import base64
import binascii
import json
import re
from urllib.parse import unquote
from xml.sax.saxutils import escape

from gridwatch.localcloud.requests.reading import HttpRequest
from gridwatch.localcloud.sagemaker.errors import ServiceError

_KEY = 1024  # bytes
_METADATA = 2048  # bytes of all names and values
_METADATA_PREFIX = "x-amz-meta-"
_DELETED_AT_ONCE = 1000
_LISTED_AT_ONCE = 1000
_POLICY = 20 * 1024
# What makes a copy of an object onto itself one that changes something.
_CHANGES = ("x-amz-storage-class", "x-amz-website-redirect-location", "x-amz-server-side-encryption")


def refuse_s3(request: HttpRequest) -> None:
    """Check a request to S3. Raises ServiceError for one that S3 would refuse whatever is stored."""
    bucket, _, key = unquote(request.path).lstrip("/").partition("/")
    if len(key.encode()) > _KEY:
        raise ServiceError("KeyTooLongError", "Your key is too long")
    metadata = {name: value for name, value in request.headers.items() if name.startswith(_METADATA_PREFIX)}
    size = sum(len(name.encode()) - len(_METADATA_PREFIX) + len(value.encode()) for name, value in metadata.items())
    if size > _METADATA:
        raise ServiceError("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
    if request.method == "POST" and "delete" in request.query:
        _check_deleted(request.body)
    elif request.method == "PUT" and "policy" in request.query and not key:
        _check_policy(request.body)
    elif request.method == "GET" and not key:
        _check_listing(request)
    elif request.method == "PUT" and "x-amz-copy-source" in request.headers and "uploadId" not in request.query:
        _check_copy(request, f"{bucket}/{key}")


def listed_at_once(request: HttpRequest) -> HttpRequest:
    """The request, limited to the number of keys that S3 returns at once: asking for more is no error there."""
    asked = request.query.get("max-keys", ["0"])[0]
    if request.method != "GET" or not asked.isdigit() or int(asked) <= _LISTED_AT_ONCE:
        return request
    query = {**request.query, "max-keys": [str(_LISTED_AT_ONCE)]}
    return HttpRequest(request.method, request.path, request.headers, request.body, query)


def answer_s3(error: ServiceError) -> tuple[int, dict[str, str], bytes]:
    """The refusal in S3's form."""
    words = f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
    text = f"<Error>{words}<RequestId>local</RequestId></Error>"
    return error.status, {"Content-Type": "application/xml"}, text.encode()


def _check_deleted(body: bytes) -> None:
    if len(re.findall(rb"<(?:\w+:)?Object[\s>]", body)) > _DELETED_AT_ONCE:
        raise ServiceError(
            "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"
        )


def _check_policy(body: bytes) -> None:
    try:
        document = json.loads(body)
    except ValueError:
        raise ServiceError("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'") from None
    if not isinstance(document, dict) or not document.get("Statement"):
        raise ServiceError("MalformedPolicy", "Missing required field Statement")
    if len(body) > _POLICY:
        raise ServiceError("PolicyTooLarge", "The policy exceeds the maximum allowed document size")


def _check_listing(request: HttpRequest) -> None:
    asked = request.query.get("max-keys", ["1"])[0]
    if not asked.isdigit():
        raise ServiceError("InvalidArgument", f"Provided max-keys not an integer or within integer range: {asked}")
    token = request.query.get("continuation-token", [None])[0]
    if token is None:
        return
    try:
        base64.b64decode(token, validate=True).decode()
    except (binascii.Error, ValueError):
        raise ServiceError("InvalidArgument", "The continuation token provided is incorrect") from None


def _check_copy(request: HttpRequest, target: str) -> None:
    source = unquote(request.headers["x-amz-copy-source"]).lstrip("/")
    is_changed = request.headers.get("x-amz-metadata-directive", "COPY").upper() == "REPLACE" or any(
        name in request.headers for name in _CHANGES
    )
    if source == target and not is_changed:
        raise ServiceError(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes.",
        )

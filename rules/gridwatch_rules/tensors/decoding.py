"""Decodes one tensor out of the record that an index points at: an `Event` protocol buffer with TFRecord framing.

It understands only what smdebug writes and TensorBoard's plain scalars. The formats are those of event.proto,
summary.proto, tensor.proto and types.proto.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridwatch_rules.tensors.wire import WireError, fields, payload, varint

_TYPE_NAMES: dict[int, str] = {
    1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 8: "<c8", 9: "<i8", 10: "?", 11: "i1", 12: "u1",
    13: "<i4", 15: "<i2", 16: "<u2", 17: "<u2", 18: "<c16", 19: "<f2", 22: "<u4", 23: "<u8",
}  # fmt: skip
_DTYPES = {number: np.dtype(name) for number, name in _TYPE_NAMES.items()}
_BFLOAT16 = 14
_STRING = 7

_LARGEST_TEXTS = 64 * 1024 * 1024  # most bytes in memory of a tensor of texts


class StoredTensor(NamedTuple):
    """A decoded tensor. `content` is where in the record its numbers start and end; None for text and other encodings.

    `message` is where the message that describes them starts.
    """

    name: str
    value: NDArray[Any]
    message: int = 0
    content: tuple[int, int] | None = None


class _Form(NamedTuple):
    """The part that all records of one tensor share: the bytes between `message` and `start`, with their meaning."""

    message: int
    start: int
    end: int
    described: bytes
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


class TensorDecoder:
    """Decodes records and caches each tensor's form, because a tensor's records mostly differ only in their numbers."""

    def __init__(self) -> None:
        self._forms: dict[tuple[str, int], _Form] = {}

    def read(self, record: bytes | memoryview, name: str, *, verified: bool = False) -> StoredTensor:
        """Decode a record of the tensor `name`, as read_tensor does. `verified` means that `unsound` has checked it."""
        form = self._forms.get((name, len(record)))
        data = memoryview(record)
        if form is not None and data[form.message : form.start] == form.described:
            start, end = payload(data, verified=verified)
            if end >= form.end and start <= form.message:
                value = np.frombuffer(data[form.start : form.end], dtype=form.dtype)
                return StoredTensor(name, value if len(form.shape) == 1 else value.reshape(form.shape))
        found = read_tensor(record, verified=verified)
        if found.content is not None and found.name == name:
            if len(self._forms) >= _FORMS:
                self._forms.clear()
            start, end = found.content
            described = bytes(data[found.message : start])
            form = _Form(found.message, start, end, described, found.value.dtype, found.value.shape)
            self._forms[name, len(record)] = form
        return found


_FORMS = 10_000


def read_tensor(record: bytes | memoryview, *, verified: bool = False) -> StoredTensor:
    """Decode the tensor in one framed record, as a read-only array with its saved shape and type.

    Strings become an array of str. Raises WireError when the frame, its checksums or the message are damaged.
    """
    data = memoryview(record)
    try:
        return _tensor_of_event(data, *payload(data, verified=verified))
    except WireError:
        raise
    except (IndexError, struct.error, ValueError, ArithmeticError, MemoryError) as error:
        raise WireError(f"not an event: {error}") from error


def _tensor_of_event(data: memoryview, start: int, end: int) -> StoredTensor:
    for number, summary_start, summary_end in fields(data, start, end):
        if number == 5:  # Event.summary
            for inner, value_start, value_end in fields(data, summary_start, summary_end):
                if inner == 1:  # Summary.value
                    return _summary_value(data, value_start, value_end)
    raise WireError("an event without a tensor")


def _summary_value(data: memoryview, start: int, end: int) -> StoredTensor:
    name = ""
    value: NDArray[Any] | None = None
    content: tuple[int, int] | None = None
    for number, field, stop in fields(data, start, end):
        if number == 1:
            name = str(data[field:stop], "utf-8")
        elif number == 2:  # simple_value, the scalar of a plain TensorBoard event
            if stop - field != 4:
                raise WireError(f"a number of {stop - field} bytes")
            value = np.frombuffer(data[field:stop], dtype="<f4")
        elif number == 8:
            value, content = _tensor(data, field, stop)
    if value is None:
        raise WireError(f"a summary {name!r} without a tensor")
    return StoredTensor(name, value, start, content)


def _tensor(data: memoryview, start: int, end: int) -> tuple[NDArray[Any], tuple[int, int] | None]:
    number_of_type = 0
    shape: list[int] = []
    content: tuple[int, int] | None = None
    strings: list[str] = []
    values: list[tuple[int, int, int]] = []
    for number, field, stop in fields(data, start, end):
        if number == 1:
            number_of_type = field
        elif number == 2:
            shape = [_dimension(data, a, b) for inner, a, b in fields(data, field, stop) if inner == 2]
        elif number == 4:
            content = (field, stop)
        elif number == 8:
            strings.append(str(data[field:stop], "utf-8"))
        elif number in _REPEATED:
            values.append((number, field, stop))
    if max(map(len, strings), default=0) * len(strings) * 4 > _LARGEST_TEXTS:  # numpy pads to the longest
        raise WireError(f"texts of more than {_LARGEST_TEXTS:,} bytes")
    if strings or number_of_type in (0, _STRING):
        return _shaped(np.array(strings, dtype=np.str_), shape), None
    if content is None and values:
        return _repeated(data, values, number_of_type, shape), None
    found = data[content[0] : content[1]] if content else memoryview(b"")
    plain = content if number_of_type != _BFLOAT16 else None
    return _shaped(_numbers(found, number_of_type), shape), plain


def _numbers(content: memoryview, number_of_type: int) -> NDArray[Any]:
    if number_of_type == _BFLOAT16:  # a bfloat16 is the upper half of a float32
        return (np.frombuffer(content, dtype="<u2").astype("<u4") << 16).view("<f4")
    dtype = _DTYPES.get(number_of_type)
    if dtype is None:
        raise WireError(f"tensors of type {number_of_type} are not known")
    if len(content) % dtype.itemsize:
        raise WireError(f"{len(content)} bytes are no whole number of {dtype} values")
    return np.frombuffer(content, dtype=dtype)


def _shaped(flat: NDArray[Any], shape: list[int]) -> NDArray[Any]:
    if len(shape) == 1 and shape[0] == flat.size:
        return flat
    try:
        return flat.reshape(shape)
    except (ValueError, OverflowError) as error:
        raise WireError(f"{flat.size} values do not make the shape {str(tuple(shape))[:200]}") from error


# The fields float_val, double_val, int_val, int64_val and bool_val are never written by smdebug, but may be by others.
_REPEATED: dict[int, str | None] = {5: "<f4", 6: "<f8", 7: None, 10: None, 11: None}


def _repeated(
    data: memoryview, values: list[tuple[int, int, int]], number_of_type: int, shape: list[int]
) -> NDArray[Any]:
    found: list[float] = []
    for number, start, end in values:
        dtype = _REPEATED[number]
        if dtype is not None:
            found.extend(np.frombuffer(data[start:end], dtype=dtype).tolist())
        else:
            position = start
            while position < end:
                value, position = varint(data, position)
                found.append(value - (1 << 64) if value >> 63 else value)
    target = _DTYPES.get(number_of_type)
    if target is None:
        raise WireError(f"tensors of type {number_of_type} are not known")
    return _shaped(np.array(found, dtype=target), shape)


def _dimension(data: memoryview, start: int, end: int) -> int:
    for number, field, _ in fields(data, start, end):
        if number == 1:
            return field
    return 0

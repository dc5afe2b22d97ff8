"""Turns a value of the training loop into an array that smdebug's reader reads back unchanged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# TensorProto.dtype, for the types that smdebug 1.0.34 reads back correctly (core/tfevent/event_file_reader.py,
# as_dtype).
TENSOR_TYPES: dict[np.dtype[Any], int] = {
    np.dtype(np.float32): 1,
    np.dtype(np.float64): 2,
    np.dtype(np.int32): 3,
    np.dtype(np.uint8): 4,
    np.dtype(np.int64): 9,
    np.dtype(np.bool_): 10,
    np.dtype(np.complex128): 18,
    np.dtype(np.float16): 19,
}
# Types that smdebug writes but misreads or refuses to read are saved as the smallest type that holds every value.
_WIDENED: dict[np.dtype[Any], type[np.generic]] = {
    np.dtype(np.int8): np.int32,
    np.dtype(np.int16): np.int32,
    np.dtype(np.uint16): np.int32,
    np.dtype(np.uint32): np.int64,
    np.dtype(np.complex64): np.complex128,
    np.dtype(np.longdouble): np.float64,
    np.dtype(np.clongdouble): np.complex128,
}


class UnsupportedValueError(Exception):
    """The value cannot be saved: it is not an array of numbers, booleans or text."""


def to_array(value: Any) -> Array:
    """Copy the value into an array whose type is in TENSOR_TYPES, or text; later changes to `value` do not reach it.

    A scalar becomes shape (1,), as smdebug saves it. uint64 becomes int64, or float64 where a value does not fit. Text
    is flattened to one dimension, the only one in which smdebug reads it.
    """
    array = np.array([value]) if np.isscalar(value) else np.array(value)
    if array.dtype.kind in "US":
        return array.astype(np.str_).reshape(-1)
    if array.dtype == np.uint64:
        fits = array.size == 0 or int(array.max()) <= np.iinfo(np.int64).max
        array = array.astype(np.int64 if fits else np.float64)
    target = _WIDENED.get(array.dtype, array.dtype)
    array = array.astype(np.dtype(target).newbyteorder("="), copy=False)
    if array.dtype not in TENSOR_TYPES:
        raise UnsupportedValueError(
            f"a value of type {type(value).__name__} ({array.dtype}) cannot be saved as a tensor"
        )
    return np.ascontiguousarray(array) if array.ndim else array

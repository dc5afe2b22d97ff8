from __future__ import annotations

import base64
import math
import struct

import pytest

from gridwatch.reports.experiment.packing import StepPool, pack


def test_numbers_come_back_little_endian() -> None:
    values = [0.5, -1.0, math.inf, -math.inf, 1e300, -1e300]
    read = struct.unpack("<6f", base64.b64decode(pack("f", values)))
    assert read == (0.5, -1.0, math.inf, -math.inf, math.inf, -math.inf)
    assert math.isnan(struct.unpack("<f", base64.b64decode(pack("f", [math.nan])))[0])
    assert struct.unpack("<3i", base64.b64decode(pack("i", [1, 2, 300]))) == (1, 2, 300)


def test_steps_that_begin_others_are_kept_once() -> None:
    pool = StepPool([range(10), range(5), range(0, 10, 2), [], range(3, 5)])
    assert [pool.place(each) for each in (range(10), range(5), range(0, 10, 2), range(3, 5))] == [0, 0, 1, 2]
    assert len(pool.packed()) == 3
    with pytest.raises(KeyError):
        pool.place([7, 8])

"""Files of a profile are written by jobs: whatever is in them is read, or told as damage, and nothing else."""

from __future__ import annotations

import json
from random import Random

import pytest

from gridwatch_rules.rules.profiler.files import parse_key, parse_samples, parse_spans
from gridwatch_rules.tensors.errors import CorruptTensorError
from tests.fuzz.values import changed

SYSTEM = "system/incremental/2026112112/1795262400.algo-1.json"
FRAMEWORK = "framework/pevents/2026112112/1795262400000000_1-algo-1_model_timeline.json"
EVENT = {"Name": "cpu0", "Dimension": "CPUUtilization", "NodeId": "algo-1", "Value": 1.5, "Timestamp": 1795262400.0}
SPANS = [
    {"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "Step:ModeKeys.TRAIN",
                                                          "start_time_since_epoch_in_micros": 1795262400000000}},
    {"ph": "X", "name": "step", "pid": 1, "ts": 10, "dur": 5, "args": {"step_num": "3"}},
]  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000 + b"]" * 100_000, b"[1]", b'["a"]', b"[null]", b"[[]]", b'[{"ph":"X","args":[1]}]', b"\xff[]",
        b'[{"ph":"X","name":"a","pid":1,"ts":' + b"9" * 400 + b',"dur":1}]',
        b'[{"ph":"X","name":"a","pid":1,"ts":' + b"9" * 5_000 + b',"dur":1}]',
        b'[{"ph":"X","name":"a","pid":1,"ts":1,"dur":1,"args":{"step_num":1e400}}]',
        b'[{"ph":"X","name":"a","pid":1,"ts":NaN,"dur":1}]', b'[{"ph":"X","name":"a","pid":1,"ts":1,"dur":Infinity}]',
        b'[{"ph":"M","name":"process_name","pid":1,"args":{"start_time_since_epoch_in_micros":1e400}}]',
        b'{"Timestamp":' + b"9" * 400 + b"}\n", b'{"Timestamp":NaN}\n', b"3\n", b'{"a":' * 100_000 + b"\n",
    ],
)  # fmt: skip
def test_what_is_no_profile_is_damage(content: bytes) -> None:
    file = parse_key(FRAMEWORK)
    assert file is not None
    with pytest.raises(CorruptTensorError):
        parse_spans(file, content, ended=True)
    with pytest.raises(CorruptTensorError):
        parse_samples(SYSTEM, content.removesuffix(b"\n") + b"\n", ended=True)


@pytest.mark.parametrize("seed", range(300))
def test_what_is_nearly_one_is_read_or_damage(seed: int) -> None:
    random, file = Random(seed), parse_key(FRAMEWORK)
    assert file is not None
    spans, event = (json.dumps(changed(whole, random)).encode("utf-8", "surrogatepass") for whole in (SPANS, EVENT))
    for read in (
        lambda: parse_spans(file, spans, ended=True),
        lambda: parse_samples(SYSTEM, event + b"\n" + event + b"\n", ended=True),
    ):
        try:
            read()
        except CorruptTensorError:
            continue

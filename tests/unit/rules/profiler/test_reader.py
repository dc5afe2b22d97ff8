"""What arrives is read once, in the order of time, whatever the order and the state in which files arrive."""

from __future__ import annotations

import pytest

from gridwatch_rules.rules.profiler.metrics import Sample, Span
from gridwatch_rules.rules.profiler.reader import ProfileCursor, ProfileReader
from gridwatch_rules.tensors.errors import CorruptTensorError
from tests.tensor_folder import MemorySource
from tests.unit.rules.profiler.profiles import BEGAN, Profile


def times(batch: object) -> list[tuple[str, float]]:
    return [(each.node, each.time - BEGAN) for each in batch.measurements]  # type: ignore[attr-defined]


def test_events_of_one_time_are_one_sample() -> None:
    made = Profile()
    made.sample(at=0.0, cpu=[10.0, 20.0], memory=30.0)
    made.sample(at=0.015, gpu=[40.0], gpu_memory=[50.0])
    made.sample(at=0.5, cpu=[11.0], io_wait=[1.0])
    first, second = ProfileReader(made.flush().source()).read(ProfileCursor()).measurements
    assert first == Sample(
        "algo-1", BEGAN, cpu={"cpu0": 10.0, "cpu1": 20.0}, gpu={"gpu0": 40.0}, gpu_memory={"gpu0": 50.0}, memory=30.0
    )
    assert second == Sample("algo-1", BEGAN + 0.5, cpu={"cpu0": 11.0}, io_wait={"cpu0": 1.0})


def test_spans() -> None:
    made = Profile()
    made.step(7, 1.5, 0.25, mode="EVAL")
    (span,) = ProfileReader(made.flush().source()).read(ProfileCursor()).measurements
    assert isinstance(span, Span)
    assert (span.node, span.phase, span.mode, span.step) == ("algo-1", "Step:ModeKeys.EVAL", "EVAL", 7)
    assert (span.start, span.duration) == (BEGAN + 1.5, 0.25)


def test_each_is_given_once() -> None:
    made = Profile()
    seen = []
    cursor = ProfileCursor()
    for second in range(5):
        made.sample(at=float(second), memory=1.0)
        made.step(second, second - 0.5, 0.1)
        batch = ProfileReader(made.flush().source()).read(ProfileCursor.restore(cursor.save()))
        cursor = batch.cursor
        seen += [type(each).__name__ for each in batch.measurements]
    assert seen == ["Span", "Sample"] * 5
    assert not ProfileReader(made.source()).read(cursor).measurements


def test_a_sample_waits_for_the_other_nodes() -> None:
    made = Profile()
    for second in range(0, 40, 10):
        made.sample("algo-1", at=float(second), memory=1.0)
        made.flush()
    made.sample("algo-2", at=5.0, memory=1.0)
    made.sample("algo-2", at=15.0, memory=1.0)
    made.flush()
    reader = ProfileReader(made.source())
    batch = reader.read(ProfileCursor())
    assert times(batch) == [("algo-1", 0.0), ("algo-2", 5.0), ("algo-1", 10.0), ("algo-2", 15.0)]
    assert times(reader.read(batch.cursor, ended=True)) == [("algo-1", 20.0), ("algo-1", 30.0)]


def test_a_node_that_fell_silent_is_not_waited_for() -> None:
    made = Profile()
    made.sample("algo-2", at=0.0, memory=1.0)
    made.sample("algo-1", at=0.0, memory=1.0)
    made.flush()
    made.sample("algo-1", at=180.0, memory=1.0)
    assert len(ProfileReader(made.flush().source()).read(ProfileCursor()).measurements) == 2
    made.sample("algo-1", at=181.0, memory=1.0)
    assert len(ProfileReader(made.flush().source()).read(ProfileCursor()).measurements) == 4


def test_a_node_whose_first_file_comes_late() -> None:
    made = Profile()
    for second in (0, 10):
        made.sample("algo-1", at=float(second), memory=1.0)
        made.flush()
    batch = ProfileReader(made.source()).read(ProfileCursor())
    made.sample("algo-2", at=5.0, memory=1.0)
    made.sample("algo-1", at=20.0, memory=1.0)
    later = ProfileReader(made.flush().source()).read(batch.cursor, ended=True)
    assert times(later) == [("algo-2", 5.0), ("algo-1", 20.0)]


def test_a_long_profile_comes_in_batches_and_only_new_files_are_read() -> None:
    made = Profile()
    for second in range(100):
        made.sample(at=float(second), memory=1.0)
        made.flush()
    reader = ProfileReader(made.source())
    cursor, sizes, more = ProfileCursor(), [], True
    while more:
        batch = reader.read(cursor)
        sizes.append(len(batch.measurements))
        cursor, more = batch.cursor, batch.more
    assert sizes == [32, 32, 32, 4]
    source = made.source()
    ProfileReader(source).read(cursor)
    assert not [request for request in source.requests if request.startswith("GET")]


def test_a_file_that_ends_early_is_not_yet() -> None:
    made = Profile()
    for second in range(3):
        made.sample(at=float(second), memory=1.0)
        made.step(second, second + 0.1, 0.1)
        made.flush()
    whole = dict(made.objects)
    reader = ProfileReader(MemorySource(whole))
    expected = times(reader.read(ProfileCursor()))
    for key, content in whole.items():
        for length in (0, 1, len(content) // 2, len(content) - 1):
            partial = ProfileReader(MemorySource(whole | {key: content[:length]})).read(ProfileCursor())
            rest = reader.read(partial.cursor)
            assert sorted(times(partial) + times(rest)) == sorted(expected), (key, length)


def test_when_the_job_is_over_the_last_line_may_be_missing() -> None:
    made = Profile()
    made.sample(at=0.0, cpu=[1.0, 2.0])
    (key,) = made.flush().arrived
    made.objects[key] = made.objects[key][:-5]
    (sample,) = ProfileReader(made.source()).read(ProfileCursor(), ended=True).measurements
    assert isinstance(sample, Sample)
    assert sample.cpu == {"cpu0": 1.0}


@pytest.mark.parametrize(
    "content", [b'[{"ph": "X"}]', b"{}", b"[nonsense]", b'[{"name": 1, "ph": "X", "pid": 1, "ts": 1}]']
)
def test_damaged_framework_metrics(content: bytes) -> None:
    key = "framework/pevents/2026112100/1795219200000000_1-algo-1_pythontimeline.json"
    with pytest.raises(CorruptTensorError, match="1795219200000000_1-algo-1"):
        ProfileReader(MemorySource({key: content})).read(ProfileCursor(), ended=True)


@pytest.mark.parametrize(
    "line", [b"nonsense", b"{}", b'{"Timestamp": 1, "NodeId": "a", "Dimension": "", "Value": null}']
)
def test_damaged_system_metrics(line: bytes) -> None:
    key = "system/incremental/2026112100/1795219200.algo-1.json"
    with pytest.raises(CorruptTensorError, match=r"1795219200\.algo-1"):
        ProfileReader(MemorySource({key: line + b"\n" + line + b"\n"})).read(ProfileCursor())


def test_other_files_are_passed_over() -> None:
    keys = ["system/incremental/2026112100/1795219200.algo-1.json.tmp", "framework/algo-1_pythontimeline.json.tmp"]
    batch = ProfileReader(MemorySource(dict.fromkeys(keys, b"nonsense"))).read(ProfileCursor(), ended=True)
    assert not batch.measurements

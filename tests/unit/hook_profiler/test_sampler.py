"""Which files the sampler writes, when, and what is in them."""

from __future__ import annotations

import json

from gridwatch_hook.profiler import timeline
from gridwatch_hook.profiler.machine import CoreTimes, Counters, GpuReading
from gridwatch_hook.profiler.sampler import Sampler
from gridwatch_hook.profiler.settings import ProfilerSettings
from gridwatch_rules.rules.profiler.metrics import Sample, Span
from gridwatch_rules.rules.profiler.reader import ProfileCursor, ProfileReader
from tests.tensor_folder import MemorySource
from tests.unit.hook_profiler.fakes import BEGAN, Folder, Gpus, Machine, MovedClock


def sampler(
    folder: Folder, clock: MovedClock, machine: Machine | None = None, gpus: Gpus | None = None, **settings: float
) -> Sampler:
    wanted = ProfilerSettings(**settings)  # type: ignore[arg-type]
    return Sampler(wanted, folder, clock, node="algo-2", process=77, counters=machine, gpus=gpus)


def step(number: int, start: float, duration: float = 0.25) -> timeline.Span:
    name = "Step:ModeKeys.TRAIN"
    return timeline.Span(name, name, BEGAN + start, duration, {"step_num": str(number)})


def test_a_file_of_system_metrics() -> None:
    folder, clock = Folder(), MovedClock()
    cores = [Counters({"cpu0": CoreTimes(10.0 * n, n, 20.0 * n)}, 30.0) for n in range(3)]
    it = sampler(folder, clock, Machine([*cores]), Gpus([GpuReading(5.0, 50.0)]))
    for seconds in (0.75, 1.25, 1.75):
        clock.passed = seconds
        it.sample()
    it.flush()
    (key,) = folder.files
    assert key == "system/incremental/2026112100/1795219200.algo-2.json"
    assert folder.files[key].endswith(b"}\n")
    first = folder.events(key)[0]
    assert first == {
        "Type": "memory", "Name": "MemoryUsedPercent", "Dimension": "", "NodeId": "algo-2",
        "Timestamp": BEGAN + 0.75, "Value": 30.0,
    }  # fmt: skip
    found = ProfileReader(MemorySource(folder.files)).read(ProfileCursor()).measurements
    assert [each.time - BEGAN for each in found] == [0.75, 1.25, 1.75]
    last = found[-1]
    assert isinstance(last, Sample)
    assert (last.cpu, last.io_wait) == ({"cpu0": 50.0}, {"cpu0": 5.0})
    assert (last.gpu, last.gpu_memory, last.memory) == ({"gpu0": 5.0}, {"gpu0": 50.0}, 30.0)


def test_a_file_of_framework_metrics() -> None:
    folder, clock = Folder(), MovedClock()
    it = sampler(folder, clock)
    clock.passed = 5.0
    it.add(step(0, 1.0))
    it.add(timeline.Span("DataLoaderIter", "DataLoaderIter::GetNext", BEGAN + 1.25, 0.5, {}))
    it.flush()
    it.add(step(1, 2.0))
    it.flush()
    first, second = folder.files
    assert first == "framework/pevents/2026112100/1795219201750000_77-algo-2_pythontimeline.json"
    assert second == "framework/pevents/2026112100/1795219202250000_77-algo-2_pythontimeline.json"
    numbers = [{each["pid"] for each in json.loads(folder.files[key]) if each["ph"] == "X"} for key in (first, second)]
    assert numbers == [{1, 2}, {1}]  # a phase keeps its number
    found = ProfileReader(MemorySource(folder.files)).read(ProfileCursor()).measurements
    assert [type(each) for each in found] == [Span, Span, Span]
    assert [(each.start - BEGAN, each.duration, each.step) for each in found if isinstance(each, Span)] == [
        (1.0, 0.25, 0), (1.25, 0.5, None), (2.0, 0.25, 1),
    ]  # fmt: skip
    assert found[0].node == "algo-2"


def test_framework_metrics_come_before_the_samples_of_their_time() -> None:
    folder, clock = Folder(), MovedClock()
    it = sampler(folder, clock, Machine([Counters({}, 1.0)]))
    it.sample()
    it.add(step(0, 0.0))
    it.flush()
    assert [key.partition("/")[0] for key in folder.files] == ["framework", "system"]


def test_two_files_of_one_second_have_two_names() -> None:
    folder, clock = Folder(), MovedClock()
    it = sampler(folder, clock, Machine([Counters({}, 1.0)] * 3))
    for seconds in (0.1, 0.3, 0.5):
        clock.passed = seconds
        it.sample()
        it.flush()
    assert [key.rpartition("/")[2] for key in folder.files] == [f"179521920{number}.algo-2.json" for number in range(3)]


def test_when_files_are_due() -> None:
    folder, clock = Folder(), MovedClock()
    it = sampler(folder, clock, file_seconds=10.0, file_bytes=1600)
    clock.passed = 9.9
    assert not it.due()
    clock.passed = 10.0
    assert it.due()
    it.flush()
    assert not it.due()
    for number in range(10):
        it.add(step(number, float(number)))
    assert it.due()  # a file's worth of steps


def test_nothing_to_say_is_no_file() -> None:
    folder = Folder()
    it = sampler(folder, MovedClock())
    it.sample()
    it.flush()
    assert not folder.files


def test_a_reading_that_fails_is_left_out() -> None:
    folder, clock = Folder(), MovedClock()
    it = sampler(folder, clock, Machine([OSError("no /proc today"), Counters({}, 7.0)]), Gpus([GpuReading(1.0, 2.0)]))
    it.sample()
    it.sample()
    it.flush()
    (events,) = (folder.events(key) for key in folder.files)
    assert [each["Value"] for each in events] == [7.0, 1.0, 2.0]
    assert it.problem == "OSError: no /proc today"


def test_the_thread_samples_until_it_is_told_to_finish() -> None:
    folder, clock = Folder(), MovedClock()
    machine = Machine([Counters({}, float(number)) for number in range(1000)])
    it = sampler(folder, clock, machine, interval_ms=100)
    it.start()
    it.finish()
    assert not it._thread.is_alive()
    (events,) = (folder.events(key) for key in folder.files)
    # At the same moment, the last sample would be the first once more: readers take events so close for one sample.
    assert [each["Value"] for each in events] == [0.0]


def test_the_last_sample_is_taken_when_it_is_another_one() -> None:
    folder, clock = Folder(), MovedClock()
    machine = Machine([Counters({}, float(number)) for number in range(1000)])
    it = sampler(folder, clock, machine, interval_ms=60_000)
    it.start()
    while not it._lines:
        pass
    clock.passed = 1.0
    it.finish()
    (events,) = (folder.events(key) for key in folder.files)
    assert [each["Value"] for each in events if each["Type"] == "memory"] == [0.0, 1.0]

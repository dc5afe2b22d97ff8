"""Each profiler rule at the very sample at which it must fire, and not before."""

from __future__ import annotations

import math
from typing import ClassVar

import pytest

from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.evaluation import RuleConfiguration
from gridwatch_rules.rules.profiler.dataloader import Dataloader
from gridwatch_rules.rules.profiler.evaluation import ProfileEvaluation
from gridwatch_rules.rules.profiler.load_balancing import distance
from gridwatch_rules.rules.profiler.windows import percentile
from tests.unit.rules.profiler.profiles import Profile, find, judge

ALWAYS = {"scan_interval_us": 0}


def profile(samples: int, **values: object) -> Profile:
    """The same sample again and again, in files of four samples."""
    made = Profile()
    for number in range(samples):
        made.sample(**values)
        if number % 4 == 3:
            made.flush()
    return made


class TestBatchSize:
    idle: ClassVar = {"cpu": [60.0, 70.0], "gpu": [10.0], "gpu_memory": [20.0]}

    def test_fires_at_the_first_sample_after_window_and_patience(self) -> None:
        given = ALWAYS | {"patience": 10, "window": 6}
        assert find(profile(10, **self.idle), "BatchSize", **given) is None
        found = find(profile(30, **self.idle), "BatchSize", **given)
        assert found is not None
        assert (found.step, found.observed, found.threshold) == (0, 10.0, 70.0)
        assert found.tensor == "GPUUtilization algo-1/gpu0"
        assert found.sentence.endswith("at sample 11 of algo-1 (2026-11-21 00:00:05 UTC)")

    def test_defaults_are_those_of_the_documentation(self) -> None:
        assert find(profile(500, **self.idle), "BatchSize", **ALWAYS) is None
        found = find(profile(501, **self.idle), "BatchSize", **ALWAYS)
        assert found is not None
        assert "at sample 501 " in found.sentence

    @pytest.mark.parametrize("busy", [{"cpu": [95.0, 70.0]}, {"gpu": [70.0]}, {"gpu_memory": [99.0]}])
    def test_one_that_is_used_is_enough(self, busy: dict[str, list[float]]) -> None:
        assert find(profile(30, **self.idle | busy), "BatchSize", patience=1, window=5, **ALWAYS) is None

    def test_the_mean_of_the_cores_counts(self) -> None:
        sample = self.idle | {"cpu": [100.0, 0.0]}
        assert find(profile(30, **sample), "BatchSize", patience=1, window=5, **ALWAYS) is not None


class TestBottlenecks:
    def made(self, kind: str, bottlenecks: int, others: int, before: int = 0) -> Profile:
        made = Profile()
        for number in range(before + bottlenecks + others):
            held_up = before <= number < before + bottlenecks
            made.sample(**{kind: [5.0, 95.0 if held_up else 50.0]}, gpu=[99.0, 5.0])
        return made

    def test_more_than_half_of_the_time(self) -> None:
        found = find(self.made("cpu", 6, 5), "CPUBottleneck", patience=10, **ALWAYS)
        assert found is not None
        assert found.observed == pytest.approx(100 * 6 / 11)
        assert "at sample 11 " in found.sentence
        assert find(self.made("cpu", 5, 6), "CPUBottleneck", patience=10, **ALWAYS) is None
        assert find(self.made("cpu", 6, 0, before=6), "CPUBottleneck", patience=10, **ALWAYS) is None  # half, not more

    def test_an_idle_gpu_is_needed(self) -> None:
        assert find(profile(30, cpu=[99.0], gpu=[10.0]), "CPUBottleneck", patience=1, **ALWAYS) is None
        assert find(profile(30, cpu=[99.0]), "CPUBottleneck", patience=1, **ALWAYS) is None
        assert find(profile(30, cpu=[99.0], gpu=[10.0]), "CPUBottleneck", patience=1, gpu_threshold=11, **ALWAYS)

    def test_waiting_for_io(self) -> None:
        assert find(self.made("io_wait", 11, 0), "IOBottleneck", patience=10, **ALWAYS) is not None
        assert find(self.made("io_wait", 11, 0), "IOBottleneck", patience=10, io_threshold=95, **ALWAYS) is None
        assert find(profile(20, io_wait=[60.0], gpu=[70.0]), "IOBottleneck", patience=1, **ALWAYS) is None
        assert find(profile(20, io_wait=[60.0], gpu=[69.0]), "IOBottleneck", patience=1, **ALWAYS) is not None

    def test_patience_by_default(self) -> None:
        assert find(profile(100, cpu=[99.0], gpu=[1.0]), "CPUBottleneck", **ALWAYS) is None
        assert find(profile(101, cpu=[99.0], gpu=[1.0]), "CPUBottleneck", **ALWAYS) is not None
        assert find(profile(1000, io_wait=[99.0], gpu=[1.0]), "IOBottleneck", **ALWAYS) is None
        assert find(profile(1001, io_wait=[99.0], gpu=[1.0]), "IOBottleneck", **ALWAYS) is not None


class TestGPUMemoryIncrease:
    def rising(self, samples: int, points: float) -> Profile:
        made = Profile()
        for number in range(samples):
            made.sample(gpu_memory=[50.0, number * points])
        return made

    def test_against_the_window_before(self) -> None:
        # Means over 4 samples, 4 samples apart: 4 points a sample are 16, and a sample 2.5 points are 10, not more.
        given = ALWAYS | {"patience": 0, "window": 4}
        assert find(self.rising(7, 4.0), "GPUMemoryIncrease", **given) is None
        found = find(self.rising(12, 4.0), "GPUMemoryIncrease", **given)
        assert found is not None
        assert (found.observed, found.tensor) == (16.0, "GPUMemoryUtilization algo-1/gpu1")
        assert "at sample 8 " in found.sentence
        assert find(self.rising(12, 2.5), "GPUMemoryIncrease", **given) is None
        assert find(self.rising(12, 4.0), "GPUMemoryIncrease", **given | {"patience": 12}) is None

    def test_against_one_sample_earlier(self) -> None:
        given = ALWAYS | {"patience": 0, "window": 4, "compare_with": "previous_sample", "increase": 5}
        assert find(self.rising(12, 5.0), "GPUMemoryIncrease", **given) is None
        found = find(self.rising(12, 6.0), "GPUMemoryIncrease", **given)
        assert found is not None
        assert "at sample 5 " in found.sentence
        assert found.observed == 6.0


class TestLoadBalancing:
    def test_the_distance(self) -> None:
        assert distance([3, 1, 0], [6, 2, 0]) == 0.0
        assert distance([1, 0], [0, 5]) == pytest.approx(math.sqrt(math.log(2)))
        # p = (1/2, 1/2), q = (1, 0), m = (3/4, 1/4)
        kl_p = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
        kl_q = math.log(1 / 0.75)
        assert distance([2, 2], [3, 0]) == pytest.approx(math.sqrt((kl_p + kl_q) / 2))

    def test_gpus_that_share_nothing(self) -> None:
        assert find(profile(10, gpu=[10.0, 90.0]), "LoadBalancing", **ALWAYS) is None
        found = find(profile(20, gpu=[10.0, 90.0]), "LoadBalancing", **ALWAYS)
        assert found is not None
        assert "at sample 11 " in found.sentence
        assert found.observed == pytest.approx(math.sqrt(math.log(2)))
        assert find(profile(20, gpu=[10.0, 90.0]), "LoadBalancing", threshold=0.84, **ALWAYS) is None
        assert find(profile(20, gpu=[90.0, 91.9]), "LoadBalancing", **ALWAYS) is None  # one bin

    def test_gpus_of_two_nodes(self) -> None:
        made = Profile()
        for _ in range(12):
            made.sample("algo-1", gpu=[10.0])
            made.sample("algo-2", gpu=[90.0])
        found = find(made, "LoadBalancing", **ALWAYS)
        assert found is not None
        assert found.tensor == "GPUUtilization algo-1/gpu0 algo-2/gpu0"


class TestLowGPUUtilization:
    def test_little_used(self) -> None:
        given = ALWAYS | {"patience": 10, "window": 5}
        found = find(profile(20, gpu=[90.0, 69.0]), "LowGPUUtilization", **given)
        assert found is not None
        assert (found.observed, found.threshold) == (69.0, 70.0)
        assert "at sample 11 " in found.sentence
        assert find(profile(20, gpu=[70.0]), "LowGPUUtilization", **given) is None

    def test_fluctuating(self) -> None:
        made = Profile()
        for number in range(40):
            made.sample(gpu=[0.0 if number % 4 == 3 else 100.0])
        found = find(made, "LowGPUUtilization", patience=10, window=20, **ALWAYS)
        assert found is not None
        assert (found.observed, found.threshold) == (0.0, 10.0)
        assert "fluctuates" in found.sentence

    def test_only_the_window_counts(self) -> None:
        made = Profile()
        for number in range(60):
            made.sample(gpu=[1.0 if number < 30 else 99.0])
        assert find(made, "LowGPUUtilization", patience=50, window=20, **ALWAYS) is None


class TestScanning:
    def test_the_condition_is_looked_at_once_in_each_interval(self) -> None:
        """Low for the samples 15 to 18 only: seen when every sample is looked at, not when every fifth second is."""
        made = Profile()
        for number in range(40):
            made.sample(gpu=[5.0 if 15 <= number <= 18 else 99.0])
        given = {"patience": 3, "window": 3}
        assert find(made, "LowGPUUtilization", scan_interval_us=0, **given) is not None
        assert find(made, "LowGPUUtilization", scan_interval_us=5_000_000, **given) is None
        seen = find(made, "LowGPUUtilization", scan_interval_us=3_000_000, **given)  # samples 7, 13, 19
        assert seen is not None
        assert "at sample 19 " in seen.sentence

    def test_at_the_end_it_is_looked_at_in_any_case(self) -> None:
        found = find(profile(6, gpu=[5.0]), "LowGPUUtilization", patience=3, window=3)
        assert found is not None
        assert "at sample 6 " in found.sentence


class TestMaxInitializationTime:
    def waiting(self, first_step: float | None) -> Profile:
        made = Profile()
        for seconds in range(0, 200, 10):
            if first_step is not None and first_step <= seconds < first_step + 10:
                made.step(0, first_step, 1.0)
            made.sample(at=float(seconds), memory=10.0)
            made.flush()
        return made

    def test_the_first_step_is_late(self) -> None:
        found = find(self.waiting(100.0), "MaxInitializationTime", threshold=1, **ALWAYS)
        assert found is not None
        assert "at sample 8 " in found.sentence  # 70 s; at 60 s it is not yet more than a minute
        assert find(self.waiting(50.0), "MaxInitializationTime", threshold=1, **ALWAYS) is None
        assert find(self.waiting(None), "MaxInitializationTime", threshold=1, **ALWAYS) is not None
        assert find(self.waiting(None), "MaxInitializationTime", **ALWAYS) is None  # 20 minutes

    def test_evaluation_is_no_training(self) -> None:
        made = self.waiting(None)
        made.step(0, 1.0, 1.0, mode="EVAL")
        assert find(made, "MaxInitializationTime", threshold=1, **ALWAYS) is not None


class TestStepOutlier:
    def steps(self, *durations: float, mode: str = "TRAIN") -> Profile:
        made = Profile()
        for number, duration in enumerate(durations):
            made.step(number, float(number), duration, mode)
        return made

    def test_more_outliers_than_allowed(self) -> None:
        regular = [0.1, 0.12] * 100
        found = find(self.steps(*regular, *[0.9] * 3), "StepOutlier", n_outliers=2)
        assert found is not None
        assert found.step == 202
        assert found.mode.name == "TRAIN"
        assert found.observed == pytest.approx(0.9)
        assert find(self.steps(*regular, *[0.9] * 2), "StepOutlier", n_outliers=2) is None

    def test_counts_as_by_hand(self) -> None:
        """Against all durations at once: the rule keeps only the longest few."""
        durations = [0.1 + 0.001 * (n * 37 % 11) for n in range(150)]
        for position in (20, 60, 90, 120, 140):
            durations[position] = 1.0 + position / 1000
        found = find(self.steps(*durations), "StepOutlier", stddev=3, n_outliers=3)

        def outliers(count: int) -> int:
            seen = durations[:count]
            mean = sum(seen) / count
            deviation = math.sqrt(sum((each - mean) ** 2 for each in seen) / count)
            return sum(each > mean + 3 * deviation for each in seen)

        expected = next(count for count in range(101, 151) if outliers(count) > 3)
        assert found is not None
        assert found.step == expected - 1

    def test_a_hundred_steps_are_not_enough(self) -> None:
        assert find(self.steps(*[0.1] * 99, 9.0), "StepOutlier", n_outliers=0) is None
        assert find(self.steps(*[0.1] * 100, 9.0), "StepOutlier", n_outliers=0) is not None

    def test_only_the_mode_that_is_asked_for(self) -> None:
        given = self.steps(*[0.1] * 100, 9.0, mode="EVAL")
        assert find(given, "StepOutlier", n_outliers=0, mode="TRAIN") is None
        assert find(given, "StepOutlier", n_outliers=0, mode="EVAL") is not None

    def test_a_mode_that_does_not_exist(self) -> None:
        with pytest.raises(RuleConfigurationError, match="TRAIN, EVAL, PREDICT, GLOBAL"):
            judge(Profile(), "StepOutlier", mode="5 minutes")


class TestDataloader:
    def loading(self, *workers: int, cores: int = 4) -> Profile:
        made = Profile()
        made.sample(cpu=[10.0] * cores)
        made.flush()
        for epoch, count in enumerate(workers):
            for worker in range(count):
                made.span("DataLoaderWorker", epoch * 10.0, 9.0, worker_id=worker)
            made.flush()
        return made

    def test_too_few_and_too_many(self) -> None:
        few = find(self.loading(2, 2), "Dataloader")
        assert few is not None
        assert (few.observed, few.threshold) == (50.0, 70.0)
        many = find(self.loading(9), "Dataloader")
        assert many is not None
        assert (many.observed, many.threshold) == (225.0, 200.0)
        assert find(self.loading(3, 3), "Dataloader") is None
        assert find(self.loading(8), "Dataloader") is None

    def test_the_median_counts(self) -> None:
        assert find(self.loading(4, 4, 1), "Dataloader") is None
        assert find(self.loading(4, 1, 1), "Dataloader") is not None

    def test_without_cores_nothing_is_known(self) -> None:
        made = Profile()
        made.span("DataLoaderWorker", 0.0, 1.0)
        assert find(made, "Dataloader") is None
        assert Dataloader.Parameters().min_threshold == 70.0


class TestEvaluation:
    def test_a_job_without_a_profile(self) -> None:
        found = judge(Profile(), "LowGPUUtilization")
        assert (found.status, found.details) == (
            "SawNothing",
            "LowGPUUtilization looks for samples of a GPU, more than 1,000; the job wrote no profile",
        )

    def test_a_rule_on_tensors_is_refused(self) -> None:
        with pytest.raises(RuleConfigurationError, match="LossNotDecreasing looks at tensors"):
            ProfileEvaluation.create([RuleConfiguration("it", "LossNotDecreasing", {})])

    def test_a_damaged_file_is_an_error(self) -> None:
        made = profile(4, gpu=[5.0])
        key = made.arrived[0]
        made.objects[key] = b"{nonsense}\n" + made.objects[key]
        found = judge(made, "LowGPUUtilization")
        assert found.status == "Error"
        assert key in found.details
        assert "line 1 " in found.details


def test_percentiles_are_numpys() -> None:
    import numpy as np

    values = np.random.default_rng(1).normal(size=37).tolist()
    for percent in (0, 5, 50, 95, 99.5, 100):
        assert percentile(values, percent) == pytest.approx(np.percentile(values, percent))

"""Rules on what a training reports about itself: faults that they find, and healthy oddities that they leave alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from gridwatch_rules.rules.finding import Finding
from tests.tensor_folder import TensorFolder
from tests.unit.rules.judging import find, judge

Step = Mapping[str, float]
COLLECTIONS = {"losses": ["loss"], "scalars": ["^learning_rate", "^gradient_norm$", "^lr$"]}


def saved(steps: Sequence[Step], seconds: float = 1.0) -> TensorFolder:
    folder = TensorFolder(COLLECTIONS)
    folder.step_seconds = seconds
    for number, step in enumerate(steps):
        folder.save(number, {name: [value] for name, value in step.items()})
    return folder


def found(steps: Sequence[Step], rule: str, seconds: float = 1.0, **parameters: Any) -> Finding | None:
    """What the rule finds at once; the splits are the matter of another test."""
    evaluation = judge(saved(steps, seconds), rule, **parameters)
    assert evaluation.status not in ("Error", "SawNothing"), evaluation.details
    return evaluation.finding


def series(**named: Sequence[float]) -> list[Step]:
    return [dict(zip(named, values, strict=True)) for values in zip(*named.values(), strict=True)]


def falling(length: int, seed: int = 0, start: float = 4.0, floor: float = 1.0, noise: float = 0.05) -> list[float]:
    rng = np.random.default_rng(seed)
    trend = floor + (start - floor) * np.exp(-np.arange(length) / (length / 5))
    return [float(value) for value in trend * np.exp(rng.normal(0, noise, length))]


# --- LossSpike


def spiked(at: int, length: int, height: float, of: list[float]) -> list[float]:
    return [value * height if at <= place < at + length else value for place, value in enumerate(of)]


def test_a_spike_that_comes_back_is_told_with_how_long_it_took() -> None:
    finding = find(saved(series(loss=spiked(120, 5, 2.5, falling(200)))), "LossSpike")
    assert finding is not None
    assert (finding.step, finding.tensor) == (125, "loss")
    assert "leapt at step 120" in finding.sentence
    assert "came back to" in finding.sentence
    assert "after 5 values" in finding.sentence


def test_a_spike_that_stays_is_told_after_patience() -> None:
    finding = find(saved(series(loss=spiked(120, 80, 2.5, falling(200)))), "LossSpike")
    assert finding is not None
    assert finding.step == 129
    assert "has not come back after 10 values" in finding.sentence


def test_a_spike_at_the_end_is_told_when_the_training_ends() -> None:
    finding = find(saved(series(loss=spiked(195, 5, 2.5, falling(200)))), "LossSpike")
    assert finding is not None
    assert "had not come back when the training ended" in finding.sentence


def test_only_lasting_spikes_where_these_are_asked_for() -> None:
    losses = spiked(120, 5, 2.5, falling(200))
    assert found(series(loss=losses), "LossSpike", when="lasting") is None


@pytest.mark.parametrize("name", ["loss", "train_loss", "train/loss", "logged_loss", "CrossEntropyLoss_output_0"])
def test_a_training_loss_is_known_by_its_name(name: str) -> None:
    assert found(series(**{name: spiked(120, 80, 2.5, falling(200))}), "LossSpike") is not None


def outlier(seed: int) -> list[float]:
    return spiked(120, 1, 20.0, falling(200, seed))


def heavy_tailed(seed: int) -> list[float]:
    """A batch of one sample: most losses are next to nothing, some are large."""
    rng = np.random.default_rng(seed)
    return [float(value) for value in np.linspace(2, 0.2, 400) * rng.pareto(1.2, 400)]


def memorised(seed: int) -> list[float]:
    """A tiny data set, learned by heart, with the small unrest that Adam has there."""
    rng = np.random.default_rng(seed)
    return [float(value) for value in 2 * 0.97 ** np.arange(400) * np.exp(rng.normal(0, 0.4, 400)) + 1e-6]


def early_plateau(seed: int) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(value) for value in 0.69 + rng.normal(0, 0.02, 300)]


def rounded_to_bf16(seed: int) -> list[float]:
    """A loss in bfloat16, which has 8 bits of precision: it stands on a few values."""
    return [2.0**-6 * round(value * 2**6) for value in falling(300, seed, noise=0.02)]


def few(seed: int) -> list[float]:
    return falling(20, seed)


def warm_up(seed: int) -> list[float]:
    rng = np.random.default_rng(seed)
    flat = 10.8 + rng.normal(0, 0.05, 40)
    return [*map(float, flat), *falling(300, seed, 10.8, 3.0)]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "losses", [falling, None, outlier, heavy_tailed, memorised, early_plateau, rounded_to_bf16, few, warm_up]
)  # fmt: skip
def test_healthy_losses_have_no_spike(losses: Callable[..., list[float]] | None, seed: int) -> None:
    made = losses(seed) if losses not in (None, falling) else falling(400, seed)
    assert found(series(loss=made), "LossSpike") is None if len(made) > 16 else True


def cosine(steps: int, cycle: int) -> list[float]:
    return [0.5 * (1 + math.cos(math.pi * (step % cycle) / cycle)) for step in range(steps)]


def test_a_restarted_schedule_is_no_spike() -> None:
    """With each new cycle the loss rises with the rate and falls with it again."""
    rates = cosine(900, 300)
    losses = [value * (1 + 3 * rate) for value, rate in zip(falling(900, 3), rates, strict=True)]
    assert found(series(loss=losses), "LossSpike") is not None, "without the rates it looks like one"
    assert found(series(loss=losses, learning_rate=rates), "LossSpike") is None


def test_a_rate_that_is_higher_than_ever_excuses_nothing() -> None:
    rates = [1e-3] * 120 + [1e-1] * 80
    losses = spiked(121, 79, 3.0, falling(200))
    assert found(series(loss=losses, learning_rate=rates), "LossSpike") is not None


def test_harder_data_raise_the_loss_for_good_and_not_the_gradients() -> None:
    losses = [*falling(200), *(3.0 + value for value in falling(200, 1, 1.2))]
    calm, wild = norms(400, spread=0.1), spiked(200, 5, 6.0, norms(400, spread=0.1))
    assert found(series(loss=losses), "LossSpike") is not None
    assert found(series(loss=losses, gradient_norm=wild), "LossSpike") is not None
    assert found(series(loss=losses, gradient_norm=calm), "LossSpike") is None
    again = spiked(350, 4, 2.0, losses)
    later = found(series(loss=again, gradient_norm=calm), "LossSpike")
    assert later is not None
    assert "leapt at step 350" in later.sentence


def test_harder_data_at_the_end_are_no_spike() -> None:
    losses, calm = [*falling(200), *[4.0] * 5], norms(205, spread=0.1)
    assert found(series(loss=losses), "LossSpike") is not None
    assert found(series(loss=losses, gradient_norm=calm), "LossSpike") is None


def test_reinforcement_learning_is_not_judged() -> None:
    losses = spiked(120, 80, 3.0, falling(200))
    assert found(series(loss=losses, episode_reward=[0.0] * 200), "LossSpike") is None
    wild = spiked(120, 10, 100.0, norms(200))
    assert found(series(gradient_norm=wild, episode_reward=[0.0] * 200), "GradientNormSpike") is None


def test_a_loss_that_never_fell_diverges_and_has_no_spike() -> None:
    assert found(series(loss=[*early_plateau(0)[:100], *[2.0] * 60]), "LossSpike") is None


# --- GradientNormSpike


def norms(length: int, seed: int = 0, spread: float = 0.4) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(value) for value in np.exp(rng.normal(0, spread, length))]


@pytest.mark.parametrize("name", ["gradient_norm", "grad_norm", "train/grad_norm"])
def test_a_norm_above_its_level_for_some_steps_is_a_spike(name: str) -> None:
    finding = find(saved(series(**{name: spiked(100, 4, 12.0, norms(160, spread=0.2))})), "GradientNormSpike")
    assert finding is not None
    assert finding.step == 102
    assert "3 values in a row" in finding.sentence


def test_a_single_norm_beyond_all_before_is_a_spike() -> None:
    finding = find(saved(series(gradient_norm=spiked(100, 1, 1000.0, norms(160)))), "GradientNormSpike")
    assert finding is not None
    assert finding.step == 100
    assert "the highest before was" in finding.sentence


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("spread", [0.02, 0.4, 1.0])
def test_healthy_norms_have_no_spike(spread: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shrinking = [norm * 20 * 0.99**step for step, norm in enumerate(norms(600, seed, spread))]
    assert found(series(gradient_norm=shrinking), "GradientNormSpike") is None
    odd = [norm * (8 if rng.random() < 0.01 else 1) for norm in shrinking]  # one odd batch in a hundred
    assert found(series(gradient_norm=odd), "GradientNormSpike") is None
    growing = [norm * 1.01**step for step, norm in enumerate(norms(600, seed, spread))]
    assert found(series(gradient_norm=growing), "GradientNormSpike") is None


# --- NonFiniteGradient

NAN, INF = math.nan, math.inf


def test_norms_that_stay_nan_are_found() -> None:
    finding = find(saved(series(gradient_norm=[1.0] * 30 + [NAN] * 5)), "NonFiniteGradient")
    assert finding is not None
    assert finding.step == 31


def test_norms_that_were_never_finite_are_found_once_no_scaler_can_explain_them() -> None:
    finding = find(saved(series(gradient_norm=[INF] * 30)), "NonFiniteGradient")
    assert finding is not None
    assert finding.step == 16


def scaled(skipped: Callable[[int], bool], length: int) -> Iterator[Step]:
    for step in range(length):
        yield {"loss": 1.0, "gradient_norm": INF, "skipped_steps": 1.0} if skipped(step) else {
            "loss": 1.0, "gradient_norm": 1.0,
        }  # fmt: skip


@pytest.mark.parametrize(
    "skipped",
    [lambda step: step < 16, lambda step: step % 200 == 199, lambda step: step in (3, 4, 5, 300, 301)],
    ids=["finding its scale", "trying twice the scale", "now and then"],
)
def test_steps_that_a_scaler_skips_are_healthy(skipped: Callable[[int], bool]) -> None:
    assert found(list(scaled(skipped, 600)), "NonFiniteGradient") is None


def test_a_scaler_that_finds_no_scale_is_found() -> None:
    finding = find(saved(list(scaled(lambda step: step > 100, 160))), "NonFiniteGradient")
    assert finding is not None
    assert (finding.step, finding.observed) == (120, 20)


def test_a_scaler_that_skips_too_often_is_found() -> None:
    finding = found(list(scaled(lambda step: step % 5 == 0, 400)), "NonFiniteGradient")
    assert finding is not None
    assert "20 %" in finding.sentence


def test_a_log_in_which_the_scaler_begins_is_healthy() -> None:
    """A log does not say which steps were skipped."""
    assert found(series(grad_norm=[INF] * 8 + [NAN] + [1.0] * 50 + [INF] + [1.0] * 50), "NonFiniteGradient") is None


# --- LabelsMasked


def test_a_loss_of_0_from_the_start_is_found() -> None:
    finding = find(saved(series(loss=[0.0] * 9)), "LabelsMasked")
    assert finding is not None
    assert finding.step == 4
    assert "since the training began" in finding.sentence


def test_a_loss_that_is_suddenly_0_is_found() -> None:
    finding = find(saved(series(loss=falling(50) + [0.0] * 10)), "LabelsMasked")
    assert finding is not None
    assert "after losses of about" in finding.sentence


def test_a_mean_over_no_labels_is_found_by_its_gradients() -> None:
    """PyTorch's cross entropy is NaN where all labels are ignored, and its gradients are 0."""
    steps = [{"loss": NAN, "gradient_norm": 0.0} if step % 4 == 3 else {"loss": 2.0, "gradient_norm": 1.0}
             for step in range(20)]  # fmt: skip
    finding = find(saved(steps), "LabelsMasked")
    assert finding is not None
    assert finding.step == 11


def hinge(seed: int) -> list[float]:
    """A hinge of single samples: 0 where the margin is kept, which is ever more often."""
    rng = np.random.default_rng(seed)
    kept = np.linspace(0.2, 1.0, 300)
    return [0.0 if rng.random() < share else float(rng.uniform(0.5, 1)) for share in kept]


@pytest.mark.parametrize("seed", range(8))
def test_losses_that_learn_their_way_to_0_are_healthy(seed: int) -> None:
    assert found(series(loss=hinge(seed)), "LabelsMasked") is None
    memorised_to_0 = [value if value > 1e-3 else 0.0 for value in memorised(seed)]
    assert found(series(loss=memorised_to_0), "LabelsMasked") is None


def test_a_policy_gradient_of_0_and_an_exploded_loss_are_not_masked_labels() -> None:
    assert judge(saved(series(loss=[0.0] * 50, reward=[0.1] * 50)), "LabelsMasked").finding is None
    assert found(series(loss=[1.0] * 9 + [NAN] * 9, gradient_norm=[1.0] * 9 + [NAN] * 9), "LabelsMasked") is None


def test_steps_that_a_scaler_skipped_have_no_say() -> None:
    steps: list[Step] = [{"loss": NAN, "gradient_norm": 0.0, "skipped_steps": 1.0}] * 5 + [{"loss": 1.0}] * 5
    assert found(steps, "LabelsMasked") is None


# --- LearningRateFrozen


def test_a_rate_that_stays_0_is_found() -> None:
    finding = find(saved(series(learning_rate=[0.0] * 30)), "LearningRateFrozen")
    assert finding is not None
    assert finding.step == 19
    assert "since the training began" in finding.sentence


def test_a_schedule_that_ends_before_the_training_is_found() -> None:
    rates = [1e-3 * (1 - step / 200) for step in range(200)] + [0.0] * 40
    finding = find(saved(series(learning_rate=rates)), "LearningRateFrozen")
    assert finding is not None
    assert finding.step == 219
    assert "after 5e-06" in finding.sentence


@pytest.mark.parametrize(
    "rates",
    [
        [1e-3] * 200,
        [0.0, *(step / 1e6 for step in range(1, 100))],
        [1e-3 * (1 - step / 199) for step in range(200)],
        [*cosine(400, 100), 0.0],
        [1e-9] * 200,
    ],
    ids=["constant", "warm-up", "decay to 0", "restarts", "small"],
)
def test_healthy_rates_are_not_frozen(rates: list[float]) -> None:
    assert found(series(learning_rate=rates), "LearningRateFrozen") is None


def test_a_frozen_group_beside_others_is_healthy() -> None:
    steps = series(**{"learning_rate": [0.0] * 50, "learning_rate/1": [1e-3] * 50})
    assert found(steps, "LearningRateFrozen") is None


def test_a_rate_that_a_log_rounds_to_0_is_not_judged() -> None:
    folder = TensorFolder({"metrics": ["lr"]})
    for step in range(50):
        folder.save(step, {"lr": [0.0]})
    assert judge(folder, "LearningRateFrozen").status == "SawNothing"


# --- ThroughputDrop


def times(length: int, of: float = 0.2, seed: int = 0, spread: float = 0.15) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(value) for value in of * np.exp(rng.normal(0, spread, length))]


def test_steps_that_take_thrice_as_long_are_found() -> None:
    finding = find(saved(series(step_seconds=times(200) + times(90, 0.6))), "ThroughputDrop")
    assert finding is not None
    assert finding.tensor == "step_seconds"
    assert finding.step < 270
    assert "times slower" in finding.sentence


def test_a_rate_of_tokens_counts_before_the_steps_times() -> None:
    """Longer batches take longer; the pace by tokens is the same."""
    lengths = [1.0] * 150 + [4.0] * 100
    steps = series(step_seconds=[0.2 * length for length in lengths], tokens_per_second=[5000.0] * 250)
    assert found(steps, "ThroughputDrop") is None
    slow = series(step_seconds=[0.2] * 150 + [0.8] * 100, tokens_per_second=[5000.0] * 150 + [1250.0] * 100)
    finding = found(slow, "ThroughputDrop")
    assert finding is not None
    assert finding.observed == pytest.approx(1250)


def checkpointed(seed: int) -> list[float]:
    return [value + (30.0 if step % 50 == 49 else 0.0) for step, value in enumerate(times(600, seed=seed))]


def compiling(seed: int) -> list[float]:
    return [5.0] * 20 + times(300, seed=seed)


def unsteady(seed: int) -> list[float]:
    """A machine shared with others, which is now and then slower for a block."""
    rng = np.random.default_rng(seed)
    return [value for _ in range(20) for value in times(30, rng.choice([0.2, 0.3]), int(rng.integers(99)), 0.4)]


def epochs_sorted_by_length(seed: int) -> list[float]:
    return [value * (1 + step % 300 / 30) for step, value in enumerate(times(1200, seed=seed))]


def slow_as_at_the_start(seed: int) -> list[float]:
    """Large batches, small ones, and large ones again."""
    return times(90, 0.5, seed) + times(300, 0.1, seed) + times(90, 0.5, seed)


def short_pause(seed: int) -> list[float]:
    return times(200, 0.02, seed) + times(60, 0.06, seed) + times(200, 0.02, seed)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "made", [checkpointed, compiling, unsteady, epochs_sorted_by_length, short_pause, slow_as_at_the_start]
)
def test_healthy_paces_do_not_drop(made: Callable[[int], list[float]], seed: int) -> None:
    assert found(series(step_seconds=made(seed)), "ThroughputDrop") is None


# --- DataStarvation


def test_a_loader_that_is_slower_than_the_model_is_found() -> None:
    waits = times(100, 0.3)
    steps = series(data_wait_seconds=waits, step_seconds=[wait + 0.1 for wait in waits])
    finding = find(saved(steps), "DataStarvation")
    assert finding is not None
    assert finding.observed == pytest.approx(75, abs=3)


@pytest.mark.parametrize(
    ("wait", "compute"),
    [
        (lambda _: 0.05, 0.2),
        (lambda _: 0.002, 0.001),
        (lambda step: 3.0 if step % 20 == 0 else 0.001, 0.1),
        (lambda step: 6.0 if step % 20 == 0 else 0.03, 0.1),
    ],
    ids=["a busy model", "a tiny model", "an epoch's first batch", "and some waiting besides"],
)
def test_healthy_waits_are_no_starvation(wait: Callable[[int], float], compute: float) -> None:
    waits = [wait(step) for step in range(4000)]
    steps = series(data_wait_seconds=waits, step_seconds=[each + compute for each in waits])
    assert found(steps, "DataStarvation") is None


# --- MemoryCreep

MIB = 2.0**20


def test_a_leak_is_found_with_when_the_memory_runs_out() -> None:
    held = [(500 + 10 * step) * MIB for step in range(100)]
    steps = series(private_bytes=held, memory_limit_bytes=[8192 * MIB] * 100)
    finding = find(saved(steps), "MemoryCreep")
    assert finding is not None
    assert "600 MiB a minute" in finding.sentence
    assert "8 GiB are used up in 12 minutes" in finding.sentence


def test_a_leak_on_a_gpu_is_found_under_its_peaks() -> None:
    rng = np.random.default_rng(0)
    held = [(2000 + 5 * step + rng.choice([0, 900])) * MIB for step in range(400)]
    assert found(series(gpu_allocated_bytes=held), "MemoryCreep") is not None


def filled(step: int) -> float:
    return 4000 * (1 - math.exp(-step / 40))


@pytest.mark.parametrize(
    ("held", "limit"),
    [
        (lambda step: 500.0 + min(step, 20) * 50, 8192.0),
        (filled, 8192.0),
        (lambda step: 2000.0 + 300 * (step % 50) / 50, 8192.0),
        (lambda step: 2000.0 + 1.0 * (step // 100), 8192.0),
        (lambda step: 2000.0 + step, 4e6),
    ],
    ids=["a start", "caches that fill", "a saw", "next to nothing", "far from the limit"],
)
def test_healthy_memory_does_not_creep(held: Callable[[int], float], limit: float) -> None:
    steps = series(private_bytes=[held(step) * MIB for step in range(400)], memory_limit_bytes=[limit * MIB] * 400)
    assert found(steps, "MemoryCreep") is None


# --- EvalNeverRuns


def evaluated(length: int, when: Callable[[int], bool], name: str = "eval_loss") -> list[Step]:
    return [{"loss": 1.0, **({name: 1.0} if when(step) else {})} for step in range(length)]


def test_a_training_that_was_to_be_evaluated_and_is_not_is_found() -> None:
    finding = find(saved(evaluated(120, lambda step: step > 110)), "EvalNeverRuns", within=100)
    assert finding is not None
    assert finding.step == 100
    assert found(evaluated(120, lambda step: step == 60), "EvalNeverRuns", within=100) is None


@pytest.mark.parametrize("name", ["eval_loss", "val/acc", "validation-auc", "valid_0-error", "f1_test", "epoch.val"])
def test_evaluations_that_no_longer_come_are_found(name: str) -> None:
    finding = find(saved(evaluated(600, lambda step: step % 40 == 39 and step < 300, name)), "EvalNeverRuns")
    assert finding is not None
    assert finding.step == 279 + 201
    assert "at most 40 steps apart" in finding.sentence


@pytest.mark.parametrize(
    "when",
    [lambda step: step % 40 == 39, lambda step: (step & (step - 1)) == 0, lambda step: True, lambda step: step < 2],
    ids=["regularly", "ever more rarely", "always", "before the training alone"],
)
def test_trainings_that_are_evaluated_as_they_are_meant_to_be_are_healthy(when: Callable[[int], bool]) -> None:
    assert judge(saved(evaluated(600, when)), "EvalNeverRuns").finding is None


def test_a_training_that_is_never_evaluated_is_no_issue_unless_somebody_says_so() -> None:
    assert judge(saved(evaluated(900, lambda _: False, "latest_value")), "EvalNeverRuns").status == "SawNothing"

"""The recorder of a watched training: which rows it hands over, and what they say of time."""

from __future__ import annotations

from gridwatch_hook.watch.recorder import Recorder


class HandClock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 100.0

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


def test_what_is_reported_after_a_step_joins_it_until_the_next_one_ends() -> None:
    recorder = Recorder(HandClock())
    recorder.end_step("torch")
    recorder.report({"eval_loss": 0.5})
    recorder.end_step("torch")
    assert [(row.step, row.curves) for row in recorder.rows] == [(0, {"eval_loss": 0.5})]


def test_an_evaluation_counts_for_no_steps_time() -> None:
    clock = HandClock()
    recorder = Recorder(clock)
    recorder.end_step("torch")
    clock.now += 1.0
    recorder.enter("eval")
    clock.now += 60.0
    recorder.enter("forward-backward")
    clock.now += 1.0
    recorder.waited(0.25, 32)
    recorder.end_step("torch")
    recorder.finish()
    scalars = recorder.rows[-1].scalars
    assert scalars == {
        "step_seconds": 2.0, "data_wait_seconds": 0.25, "samples_per_second": 16.0, "aside_seconds": 60.0
    }  # fmt: skip


def test_steps_are_thinned_when_they_come_too_quickly_but_never_one_whose_loss_is_not_finite() -> None:
    clock = HandClock()
    recorder = Recorder(clock)
    for step in range(3000):
        recorder.loss(float("nan") if step == 2501 else 1.0)
        clock.now += 0.001
        recorder.end_step("torch")
    recorder.finish()
    steps = [row.step for row in recorder.rows]
    assert steps[:1000] == list(range(1000))
    assert 1200 < len(steps) < 1400
    assert 2501 in steps


def test_the_first_watcher_says_when_a_step_ends_and_goes_before_logs() -> None:
    recorder = Recorder(HandClock())
    recorder.end_step("log")
    recorder.end_step("torch")
    recorder.end_step("keras")
    assert (recorder.step, recorder.by) == (2, "torch")


def test_a_number_that_was_passed_does_not_turn_steps_back() -> None:
    recorder = Recorder(HandClock())
    recorder.align(500)
    recorder.align(20)
    recorder.end_step("torch")
    recorder.finish()
    assert [row.step for row in recorder.rows] == [500]


def test_a_ranks_own_time_is_that_between_steps_and_backward_passes() -> None:
    """Gradients accumulate over two backward passes, in which the rank may wait for others."""
    clock = HandClock()
    recorder = Recorder(clock)
    recorder.end_step("torch")
    for own in (2.0, 3.0):
        clock.now += own
        recorder.enter("eval")
        clock.now += 50.0
        recorder.enter("forward-backward")
        recorder.begin_shared()
        clock.now += 100.0
        recorder.end_shared()
    recorder.begin_shared()
    recorder.note_own()
    recorder.end_step("torch")
    recorder.finish()
    assert recorder.rows[-1].scalars["own_seconds"] == 5.0

"""Progress and pace, from tensor folders as smdebug and Gridwatch's hook write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from gridwatch.domain.jobs import JobRecord
from gridwatch.savings.progress import Progress, read_progress
from gridwatch.savings.sparing import progress_of
from gridwatch_rules.tensors.index import WorkerStep
from gridwatch_rules.tensors.metric_definition import LogMetric
from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.tensors.timeline import saved_steps
from tests.tensor_folder import MemorySource, TensorFolder

BEGAN = 1_700_000_000.0


def folder(step_seconds: float = 2.0) -> TensorFolder:
    made = TensorFolder({"metrics": [".*"]})
    made.began, made.step_seconds = BEGAN, step_seconds
    return made


def read(
    made: TensorFolder, hyperparameters: Mapping[str, Any], objective: str = "loss", logged: tuple[str, ...] = ()
) -> Progress | None:
    return read_progress(made.source(), hyperparameters, objective, logged)


def test_rounds_are_the_steps_of_the_hook() -> None:
    made = folder()
    for step in range(0, 40, 5):
        made.save(step, {"train-error": [0.1]})
    found = read(made, {"num_round": "200"}, "validation-error")
    assert found is not None
    assert (found.newest.done, found.newest.at, found.assumed) == (36, BEGAN + 70, None)
    assert found.pace is not None
    assert found.pace.usual == pytest.approx(2.0)
    assert (found.planned.length, found.planned.unit) == (200, "rounds")


@pytest.mark.parametrize("name", ["epochs", "--num-epochs", "EPOCHS", "num_train_epochs", "max-epochs"])
def test_epochs_are_reports_of_the_objective_and_not_batches(name: str) -> None:
    """A batch is a step; the objective is reported after each tenth of them. Seven epochs of 20 s are done."""
    made = folder()
    for step in range(75):
        made.save(step, {"batch_loss": [1.0]} | ({"val_loss": [0.5]} if step % 10 == 9 else {}))
    found = read(made, {name: 30}, "val_loss")
    assert found is not None
    assert found.newest.done == 7
    assert found.pace is not None
    assert found.pace.usual == pytest.approx(20.0)
    assert found.assumed == "each report of val_loss counts as one of the 30 epochs"
    assert not found.vague
    batches = read(made, {name: 100}, "batch_loss")
    assert batches is not None
    assert batches.vague


def test_steps_are_those_of_training_alone() -> None:
    made = folder()
    for step in range(60):
        evaluates = step % 6 == 5
        mode = Mode.EVAL if evaluates else Mode.TRAIN
        made.save(step, {"loss": [1.0]}, mode=mode, mode_step=step // 6 if evaluates else step - step // 6)
    found = read(made, {"max_steps": 500, "epochs": 3})
    assert found is not None
    assert (found.planned.unit, found.newest.done) == ("steps", 50)
    assert found.pace is not None
    assert found.pace.usual == pytest.approx(2.4, rel=0.05)


def test_lines_of_a_log_are_no_rounds() -> None:
    """Of each round the log has two lines, of which one has the objective."""
    made = folder()
    for line in range(20):
        made.save(line, {"train:loss": [1.0]} if line % 2 == 0 else {"validation:loss": [1.0]})
    found = read(made, {"n_estimators": 100}, "validation:loss", logged=("train:loss", "validation:loss"))
    assert found is not None
    assert (found.newest.done, found.assumed) == (10, "each report of validation:loss counts as one of the 100 rounds")


def test_no_step_is_compared_with_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log with a line for each of 40,000 rounds was divided by comparing each with each, which took minutes."""
    compared: list[int] = []
    monkeypatch.setattr(WorkerStep, "__eq__", lambda *_: compared.append(1))
    made = folder()
    for line in range(60):
        made.save(line, {"train:loss": [1.0]} if line % 2 else {"lr": [1.0]})
    assert read(made, {"n_estimators": 100}, "train:loss", logged=("train:loss",)) is not None
    assert len(compared) <= 60


@pytest.mark.parametrize(
    ("hyperparameters", "objective"),
    [({}, "loss"), ({"epochs": 0}, "loss"), ({"epochs": "many"}, "loss"), ({"epochs": 10}, "accuracy")],
)
def test_what_is_not_known_is_not_guessed(hyperparameters: dict[str, Any], objective: str) -> None:
    made = folder()
    for step in range(5):
        made.save(step, {"loss": [1.0]})
    assert read(made, hyperparameters, objective) is None


def test_more_than_planned_means_that_it_counts_otherwise() -> None:
    made = folder()
    for step in range(30):
        made.save(step, {"loss": [1.0]})
    assert read(made, {"epochs": 10}) is None


def test_a_job_that_began_anew_is_as_far_as_its_last_run() -> None:
    """Interrupted after 30 rounds, it began again at round 0 and is in round 9 now; the rest is of the first run."""
    made = folder()
    for step in range(30):
        made.save(step, {"error": [1.0]})
    made.began += 1_000
    for step in range(10):
        made.save(step, {"error": [1.0]})
    found = read(made, {"num_round": 100})
    assert found is not None
    assert (found.newest.done, found.restarted) == (10, True)
    assert found.pace is not None
    assert found.pace.usual == pytest.approx(2.0)


def test_lines_of_a_log_say_nothing_of_steps() -> None:
    """Some say so now and then; where a hook counts the steps as well, its steps are taken."""
    made = folder()
    for step in range(10):
        made.save(step, {"validation:loss": [1.0]})
    assert read(made, {"max_steps": 500}, "validation:loss", logged=("validation:loss",)) is None
    for step in range(10, 100):
        made.save(step, {"loss": [1.0]}, mode=Mode.TRAIN, mode_step=step - 10)
    found = read(made, {"max_steps": 500}, "validation:loss", logged=("validation:loss",))
    assert found is not None
    assert (found.newest.done, found.assumed) == (90, None)


def test_what_the_hook_does_when_it_closes_is_reckoned_where_it_has_left_something_out() -> None:
    made = folder()
    for step in range(0, 100, 2):
        made.save(step, {"error": [1.0]})
    found = read(made, {"num_round": 10_000})
    assert found is not None
    assert found.closing.high == 0
    key = "index/000000000/000000000098_worker_0.json"
    document = json.loads(made.objects[key])
    made.objects[key] = json.dumps({**document, "earlier": [{"step": 96, **document}]}).encode()
    found = read(made, {"num_round": 10_000})
    assert found is not None
    assert (found.saved_every, found.closing.usual) == (2, pytest.approx(5_000 / 250 - 48.5 / 250))
    assert found.closing.high == pytest.approx(30 - 48.5 / 80)


def test_steps_that_get_no_index_object_are_not_reckoned_with_when_the_hook_closes() -> None:
    made = folder()
    for step in range(100):
        made.save(step, {"error": [1.0]})
        if step % 25:
            key = f"index/000000000/{step:012d}_worker_0.json"
            made.objects[key] = json.dumps({**json.loads(made.objects[key]), "unasked": True}).encode()
    found = read(made, {"num_round": 10_000})
    assert found is not None
    assert (found.saved_every, found.newest.done) == (None, 100)
    key = "index/000000000/000000000099_worker_0.json"
    document = json.loads(made.objects[key])
    made.objects[key] = json.dumps({**document, "earlier": [{"step": 98, **document}]}).encode()
    found = read(made, {"num_round": 10_000})
    assert found is not None
    assert (found.saved_every, found.closing.usual) == (25, pytest.approx(400 / 250 - 4 / 250, abs=0.01))


def test_of_several_workers_none_is_mixed_with_another() -> None:
    made = TensorFolder({"metrics": [".*"]}, workers=2)
    made.began, made.step_seconds = BEGAN, 2.0
    for step in range(20):
        made.save(step, {"error": [1.0]}, worker="worker_0")
        if step < 15:
            made.save(step, {"error": [1.0]}, worker="worker_1")
    found = read(made, {"num_round": 100})
    assert found is not None
    assert found.newest.done == 20


class Counted(MemorySource):
    """Keys in order, without sorting them each time."""

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        super().__init__(objects)
        self._ordered = sorted(self.objects)

    def keys(self, prefix: str, after: str = "", limit: int | None = None) -> list[str]:
        self.requests.append(f"LIST {prefix}")
        found = (key for key in self._ordered if key.startswith(prefix) and key > after)
        return [key for key, _ in zip(found, range(limit or 10**9), strict=False)]


@pytest.mark.parametrize("count", [1, 2, 999, 1_000, 1_001, 1_400, 4_000])
def test_of_a_long_training_the_ends_and_some_between_are_read(count: int) -> None:
    made = folder(0.5)
    for step in range(0, 3 * count, 3):
        made.save(step, {"error": [1.0]})
    source = Counted(made.objects)
    (timeline,) = saved_steps(source).values()
    numbers = [each.step for each in timeline.steps]
    assert (numbers[0], numbers[-1]) == (0, 3 * (count - 1))
    assert numbers[-min(count, 60) :] == list(range(0, 3 * count, 3))[-min(count, 60) :]
    assert len(source.requests) < 220
    found = read_progress(source, {"num_round": 100_000}, "error")
    assert found is not None
    assert found.newest.done == 3 * (count - 1) + 1
    if count > 1:
        assert found.pace is not None
        assert found.pace.usual == pytest.approx(0.5)


def test_damage_and_what_is_half_written_is_passed_over() -> None:
    made = folder()
    for step in range(10):
        made.save(step, {"error": [1.0]})
    made.objects["index/000000000/000000000009_worker_0.json"] = b'{"meta": {'
    made.objects["index/000000000/000000000003_worker_0.json"] = b"[1, 2]"
    made.objects["index/000000000/000000000004_worker_0.json"] = b"\xff\xfe"
    found = read(made, {"num_round": 100})
    assert found is not None
    assert found.newest.done == 9


def test_rounds_of_a_hook_that_saves_what_the_log_prints_are_steps() -> None:
    """So that siblings, which took as long to close as to train, have no say where all rounds were done."""
    made = folder()
    for step in range(4):
        made.save(step, {"validation-error": [0.5]})
    metrics = (LogMetric(name="validation-error", regex="e=(.*)"),)
    job = JobRecord(
        job_name="a", experiment="e", trial_id="t", attempt=1, policies=(), hyperparameters={"num_round": 4},
        objective_metric="validation-error", objective_direction="minimize", log_metrics=metrics, log_apart=True,
        log_repeats_hook=True,
    )  # fmt: skip
    found = progress_of(job, lambda _: made.source(), lambda _: made.source())
    assert found is not None
    assert (found.newest.done, found.assumed) == (4.0, None)

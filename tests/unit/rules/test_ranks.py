"""Rules on the ranks of a training: which one stands still, and which one is slow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridwatch_rules.checking import Following, check
from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.sources import SourcesEvaluation
from gridwatch_rules.rules.status_change import RuleEvaluation
from gridwatch_rules.streams.metric_source import MetricSource
from gridwatch_rules.tensors.heartbeats import Beat, parse_heartbeat, read_heartbeats
from gridwatch_rules.tensors.reader import TensorReader
from tests.tensor_folder import MemorySource, TensorFolder
from tests.unit.rules.judging import find, judge

T = 1_800_000_000.0
SLEEPS = ("/opt/ml/code/train.py:31 <module>", "/opt/ml/code/data.py:12 next_batch")
WAITS = ("/opt/ml/code/train.py:37 <module>", "/lib/torch/autograd/graph.py:979 _engine_run_backward")


def beat(rank: int = 0, **given: Any) -> Beat:
    return Beat(**{"rank": rank, "step": 40, "phase": "forward-backward", "idle": 1.0, "at": T, "workers": 2, **given})


class Watching:
    """The rule Hang, evaluated by a new process at every look."""

    def __init__(self, **parameters: Any) -> None:
        self._configurations = [RuleConfiguration("it", "Hang", parameters)]
        self._saved = Evaluation.create(self._configurations).save()
        self._reader = TensorReader(TensorFolder().source())

    def look(self, *beats: Beat, at: float = T, ended: bool = False) -> RuleEvaluation:
        evaluation = Evaluation.restore(self._configurations, json.loads(json.dumps(self._saved)))
        now = datetime.fromtimestamp(at, UTC)
        evaluation.advance(self._reader, now=now, ended=ended, beats=lambda: beats)
        self._saved = evaluation.save()
        return evaluation.statuses["it"]

    def finds(self, *beats: Beat, at: float = T) -> Finding | None:
        return self.look(*beats, at=at).finding


def test_the_rank_that_does_not_wait_is_the_one_that_hangs() -> None:
    stuck, waiting = beat(1, idle=320.0, stack=SLEEPS, host="algo-2"), beat(0, idle=318.0, stack=WAITS)
    finding = Watching().finds(waiting, stuck)
    assert finding is not None
    assert (finding.step, finding.observed, finding.threshold) == (40, 320.0, 300.0)
    assert finding.sentence == (
        "rank 1 of 2 on algo-2 has stood still for 320 s since step 40 in phase forward-backward at "
        "code/data.py:12 next_batch < code/train.py:31 <module>; rank 0 waits for it (limit 300 s)"
    )
    assert finding.evidence is not None
    assert [each["rank"] for each in finding.evidence["ranks"]] == [1, 0]
    assert Finding.from_json(json.loads(json.dumps(finding.as_json()))).sentence == finding.sentence


@pytest.mark.parametrize(
    ("cause", "others", "told"),
    [
        ({"collectives": 25}, {"collectives": 26, "last_collective": "nccl:all_reduce"}, "for it in nccl:all_reduce"),
        ({"step": 39}, {}, "since step 39"),
        ({"at": T - 400, "idle": 0.0}, {}, "sends no heartbeats"),
    ],
    ids=["fewer collectives", "fewer steps", "silent"],
)
def test_the_rank_that_is_behind_is_the_one_that_hangs(
    cause: Mapping[str, Any], others: Mapping[str, Any], told: str
) -> None:
    standing: dict[str, Any] = {"idle": 400.0, "stack": WAITS}
    finding = Watching().finds(beat(0, **standing | others), beat(1, **standing | cause))
    assert finding is not None
    assert finding.sentence.startswith("rank 1 of 2")
    assert told in finding.sentence


def test_ranks_that_wait_for_one_that_is_over_are_told_with_it() -> None:
    finding = Watching().finds(beat(0, idle=400.0, stack=WAITS), beat(1, phase="over", step=38, at=T - 500))
    assert finding is not None
    assert "rank 0 of 2 has stood still" in finding.sentence
    assert "rank 1 is over since step 38" in finding.sentence


def test_where_nobody_can_tell_all_ranks_are_named() -> None:
    finding = Watching().finds(*(beat(rank, idle=400.0, workers=16) for rank in range(16)))
    assert finding is not None
    assert "rank 0 of 16" in finding.sentence
    assert "and 14 more ranks as well" in finding.sentence


def test_a_single_process_that_was_frozen_is_found_by_its_silence() -> None:
    assert Watching().finds(beat(workers=1, at=T - 1_700)) is None, "a job may be interrupted and start anew"
    finding = Watching().finds(beat(workers=1, at=T - 1_801))
    assert finding is not None
    assert finding.sentence.startswith("the training has stood still for 1802 s since step 40")


@pytest.mark.parametrize(
    "beats",
    [
        [beat(idle=290.0)],
        [beat(idle=800.0, phase="eval")],
        [beat(idle=800.0, phase="checkpoint"), beat(1, idle=280.0)],
        [beat(phase="over", at=T - 9_000)],
        [beat(at=T - 50)],
    ],
    ids=["a long step", "a long evaluation", "a checkpoint", "over", "heartbeats that are late"],
)
def test_healthy_pauses_are_no_hang(beats: Sequence[Beat]) -> None:
    watching = Watching()
    assert watching.finds(*beats) is None
    assert watching.look(*beats, ended=True).status == "NoIssuesFound"


def test_a_pause_after_which_a_rank_went_on_makes_later_ones_longer() -> None:
    """An evaluation that nobody sees, every thousand steps."""
    watching = Watching()
    for number in range(4):
        at = T + 1000 * number
        assert watching.finds(beat(step=1000 * number, idle=0.0, at=at), at=at) is None
        assert watching.finds(beat(step=1000 * number, idle=250.0, at=at + 250), at=at + 250) is None
    assert watching.finds(beat(step=3000, idle=700.0, at=at + 700), at=at + 700) is None
    assert watching.finds(beat(step=3000, idle=760.0, at=at + 760), at=at + 760) is not None


def test_a_folder_that_was_left_alone_is_no_silent_training() -> None:
    """When the job is over, the newest heartbeat tells the time."""
    assert Watching().look(beat(0), beat(1, at=T - 20), at=T + 1e6, ended=True).status == "NoIssuesFound"
    killed = Watching().look(beat(0, idle=500.0), beat(1, idle=501.0, stack=SLEEPS), at=T + 1e6, ended=True)
    assert killed.finding is not None


def test_without_heartbeats_it_saw_nothing() -> None:
    found = Watching().look(ended=True)
    assert found.status == "SawNothing"
    assert "heartbeat-output" in found.details


def test_heartbeats_are_read_only_for_rules_that_look_at_them() -> None:
    def never() -> Sequence[Beat]:
        raise AssertionError("nobody looks at heartbeats")

    reader = TensorReader(TensorFolder().source())
    evaluation = Evaluation.create([RuleConfiguration("it", "MetricNonFinite")])
    evaluation.advance(reader, now=datetime.fromtimestamp(T, UTC), ended=False, beats=never)


def test_of_several_sources_the_hooks_rank_ends_the_rule() -> None:
    parts = {MetricSource.HOOK: Evaluation.create([RuleConfiguration("it", "Hang")]),
             MetricSource.LOG: Evaluation.create([])}  # fmt: skip
    sources = SourcesEvaluation(parts)
    readers = dict.fromkeys(parts, TensorReader(TensorFolder().source()))
    changes = sources.advance(
        readers, now=datetime.fromtimestamp(T, UTC), ended=False, beats=lambda: [beat(idle=400.0)]
    )
    assert [(change.rule_name, change.status) for change in changes] == [("it", "IssuesFound")]


# --- what a rank's object holds


def document(**given: Any) -> bytes:
    said = {"rank": 1, "workers": 2, "host": "a", "process": 7, "step": 3, "phase": "data", "idle_seconds": 2.5}
    return json.dumps({**said, "at": T, "every_seconds": 15.0, **given}).encode()


def test_heartbeats_are_read_by_rank() -> None:
    source = MemorySource(
        {
            "status/worker_10.json": document(rank=10),
            "status/worker_2.json": document(rank=2, stack=["a.py:1 f"], collectives=4, last_collective="gloo:barrier"),
            "status/worker_3.json": b'{"rank": 3, "st',
        }
    )
    first, second = read_heartbeats(source)
    assert (first.rank, first.step, first.idle, first.stack) == (2, 3, 2.5, ("a.py:1 f",))
    assert (first.collectives, first.last_collective) == (4, "gloo:barrier")
    assert (second.rank, second.workers, second.collectives) == (10, 11, None)


def test_heartbeats_that_an_earlier_run_left_are_none_of_this_one() -> None:
    """One rank of two has begun again after an interruption; a former run had a third rank."""
    source = MemorySource(
        {
            "status/worker_0.json": document(rank=0, began=T - 20),
            "status/worker_1.json": document(rank=1, at=T - 900, began=T - 5_000),
            "status/worker_2.json": document(rank=2, workers=3, at=T, began=T - 30),
        }
    )
    assert [beat.rank for beat in read_heartbeats(source)] == [0]


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"{}", b"\xff", document(rank=-1), document(idle_seconds="nan"), document(at=1e999),
     document(step=None), document(rank="x"), document(step=1e999), document(step=10**13),
     document(every_seconds=float("nan")), document(every_seconds=1e999), b"[" * 100_000],
)  # fmt: skip
def test_an_object_that_is_no_heartbeat_is_passed_over(content: bytes) -> None:
    assert parse_heartbeat(content) is None


def test_texts_of_a_heartbeat_are_harmless_and_short() -> None:
    found = parse_heartbeat(document(host="a\x1b[31m\nb", phase="p" * 9_000, stack=["x" * 9_000] * 90))
    assert found is not None
    assert found.host.isprintable()
    assert len(found.phase) == 200
    assert len(found.stack) == 30


def test_a_job_is_followed_from_before_it_began_to_write(tmp_path: Path) -> None:
    """The check starts first; then the job writes, and stands still."""

    class Clock:
        waited = 0

        def now(self) -> datetime:
            return datetime.fromtimestamp(T, UTC)

        def sleep(self, seconds: float) -> None:
            self.waited += 1
            if self.waited == 3:
                (tmp_path / "job/debug-output/collections").mkdir(parents=True)
                (tmp_path / "job/debug-output/collections/a.json").write_text("{}")
            if self.waited == 6:
                (tmp_path / "job/heartbeat-output/status").mkdir(parents=True)
                (tmp_path / "job/heartbeat-output/status/worker_0.json").write_bytes(document(rank=0, idle_seconds=900))
            assert self.waited < 9

        def monotonic(self) -> float:
            return float(self.waited)

    clock = Clock()
    found = check(tmp_path / "job", "Hang", following=Following(clock))
    assert found.status == "IssuesFound"
    assert clock.waited == 6


def test_a_folder_without_an_end_is_judged_by_its_heartbeats(tmp_path: Path) -> None:
    TensorFolder({"losses": ["loss"]}).write(tmp_path / "debug-output")
    folder = TensorFolder({"losses": ["loss"]})
    folder.save(0, {"loss": [1.0]})
    folder.write(tmp_path / "debug-output")
    (tmp_path / "heartbeat-output/status").mkdir(parents=True)
    (tmp_path / "heartbeat-output/status/worker_0.json").write_bytes(document(rank=0, idle_seconds=900))
    for location in (tmp_path, tmp_path / "debug-output"):
        assert check(location, "Hang").status == "IssuesFound"


# --- Straggler


def ranks(own: Sequence[Sequence[float]], data: Sequence[Sequence[float]] = ()) -> TensorFolder:
    """The own times of each rank, by rank."""
    folder = TensorFolder(workers=len(own))
    for step in range(len(own[0])):
        for rank, times in enumerate(own):
            waits = {"data_wait_seconds": [data[rank][step]]} if data else {}
            folder.save(step, {"own_seconds": [times[step]], **waits}, worker=f"worker_{rank}")
    return folder


def even(length: int = 80, mean: float = 0.1, seed: int = 0, spread: float = 0.2) -> list[float]:
    return [float(value) for value in mean * np.exp(np.random.default_rng(seed).normal(0, spread, length))]


def test_a_rank_that_sleeps_is_named_with_what_it_costs() -> None:
    slow = even(seed=1, mean=0.3)
    folder = ranks([even(seed=0), slow, even(seed=2)], [[0.01] * 80, [0.8 * value for value in slow], [0.01] * 80])
    finding = find(folder, "Straggler")
    assert finding is not None
    assert finding.step == 29
    assert finding.sentence.startswith("rank 1 needs 0.295 s in each step")
    assert "80 % of it waiting for data" in finding.sentence
    assert "the others 0.103 s: over 20 steps they waited 3.86 s" in finding.sentence


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("spread", [0.05, 0.5, 1.0])
def test_ranks_that_differ_by_chance_have_no_straggler(spread: float, size: int, seed: int) -> None:
    found = judge(ranks([even(200, seed=10 * seed + rank, spread=spread) for rank in range(size)]), "Straggler")
    assert found.status == "NoIssuesFound", found.finding


def test_a_rank_that_is_slow_now_and_then_is_no_straggler() -> None:
    saves = [value + (5.0 if step % 10 == 0 else 0.0) for step, value in enumerate(even(200))]
    turns = [[0.3 if step // 10 % 4 == rank else 0.1 for step in range(200)] for rank in range(4)]
    assert judge(ranks([saves, even(200, seed=1)]), "Straggler").finding is None
    assert judge(ranks(turns), "Straggler").finding is None


def test_a_step_that_a_rank_did_not_save_is_left_out() -> None:
    folder = ranks([[0.1] * 80, [0.4] * 80])
    for step in range(5, 80, 7):
        folder.save(100 + step, {"own_seconds": [0.1]})
    assert judge(folder, "Straggler").finding is not None


def test_one_rank_has_no_others() -> None:
    assert judge(ranks([even()]), "Straggler").status == "SawNothing"


def test_steps_that_are_too_short_to_matter() -> None:
    assert judge(ranks([[0.001] * 400, [0.01] * 400]), "Straggler").finding is None


def test_a_beat_knows_when_its_training_moved() -> None:
    assert replace(beat(), idle=10.0).moved_at == T - 10

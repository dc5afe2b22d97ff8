"""Stories of audited trials: a stop is decided, and the trial is let run on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.trials import TrialState
from gridwatch.verdicts.audit import is_audited
from tests.unit.functions.test_evaluating import STUCK
from tests.unit.functions.watching import JOB, LOSS, World


def test_an_audited_trial_is_let_run_on_and_its_alert_and_record_say_so() -> None:
    world = World(replace(LOSS, audit_share=1.0))
    world.losses(*STUCK)
    world.evaluate()
    world.react()
    assert world.training.stopped == []
    (reaction,) = world.reactions
    assert (reaction.action, reaction.audited, reaction.outcome) == ("would stop", True, "not stopped")
    world.deliver_all()
    assert "as an audit" in world.topic.messages[-1][1]


@pytest.mark.parametrize(("share", "shadow", "audited"), [(0.0, False, False), (0.0, True, False), (1.0, True, False)])
def test_without_an_audit_it_is_stopped_and_shadow_mode_is_none(share: float, shadow: bool, audited: bool) -> None:
    world = World(replace(LOSS, audit_share=share, shadow=shadow))
    world.losses(*STUCK)
    world.evaluate()
    world.react()
    assert world.training.stopped == ([] if shadow else [JOB])
    assert world.reactions[0].audited is audited


def test_the_share_is_met_and_a_seed_chooses_others() -> None:
    trials = [f"{number:010x}" for number in range(20_000)]
    chosen = {trial for trial in trials if is_audited("blobs", trial, share=0.05, seed=0)}
    assert abs(len(chosen) / len(trials) - 0.05) < 0.006  # four standard deviations
    assert chosen == {trial for trial in trials if is_audited("blobs", trial, share=0.05, seed=0)}
    others = {trial for trial in trials if is_audited("blobs", trial, share=0.05, seed=1)}
    assert len(chosen & others) < 0.2 * len(chosen)
    assert chosen < {trial for trial in trials if is_audited("blobs", trial, share=0.1, seed=0)}


def test_the_digest_compares_what_was_estimated_with_what_happened() -> None:
    world = World(replace(LOSS, audit_share=1.0))
    world.losses(*STUCK)
    world.evaluate()
    world.react()
    decided = world.reactions[0].decided_at
    trial = replace(
        world.trial, state=TrialState.COMPLETED, ended_at=decided + timedelta(seconds=90),
        final_metrics={"validation-error": 0.1},
    )  # fmt: skip
    world.store.trials["blobs", "0a1b2c3d4e"] = trial
    now = world.clock.now()
    world.store.put_experiment(
        ExperimentRecord(
            name="blobs", spec_key="experiments/blobs.yaml", spec_version="v1", uploaded_at=now,
            document={"objective": {"metric": "validation-error", "direction": "minimize"}}, template={}, policies=(),
            trial_ids=("0a1b2c3d4e",), parallel_jobs=1, created_at=now, updated_at=now,
        )
    )  # fmt: skip
    record = world.digest("blobs")
    assert record is not None
    facts = {fact["label"]: fact["value"] for fact in record.content["facts"]}
    assert facts["Audited"].startswith("one trial would have been stopped and ran on for 1 min 30 s, estimated were ")
    assert facts["Audited"].endswith("the best trial is among them")

"""Stories of training jobs that Gridwatch did not launch: their owners ask for rules by a tag, and only by it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from gridwatch.domain.rules import Action, RulePolicy
from gridwatch.domain.trials import TrialState
from gridwatch.events.messages import EvaluateJob
from gridwatch.events.training_job import job_description, training_job_change
from gridwatch.launch.tracking import TrackingOutcome
from gridwatch.launch.watching import RuleSetError, StoredRuleSet
from gridwatch_rules.tensors.metric_definition import LogMetric
from tests.fakes.clock import START
from tests.fakes.fuse import Fuse
from tests.fakes.mortal_store import KilledError
from tests.unit.functions.watching import World

EVENT: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "events" / "sagemaker_watched_job_state_change.json").read_text()
)
OTHERS = EVENT["detail"]["TrainingJobName"]
STOP = RulePolicy(name="finite", rule="MetricNonFinite", on_issue=Action.STOP)


class RuleSetsInMemory:
    def __init__(self) -> None:
        self.loads = 0
        self.known = {
            "careful": StoredRuleSet(
                name="careful", key="rule-sets/careful.yaml", version="v1", uploaded_at=START, policies=(STOP,),
                document={"name": "careful", "objective": {"metric": "val:loss", "direction": "minimize"}},
            )
        }  # fmt: skip

    def load(self, name: str) -> StoredRuleSet:
        self.loads += 1
        if name not in self.known:
            raise RuleSetError(name, "", (f"there is no rule-sets/{name}.yaml in the experiments bucket",))
        return self.known[name]


class Shared(World):
    """An account in which others train too."""

    def __init__(self) -> None:
        super().__init__()
        self.rule_sets: RuleSetsInMemory = RuleSetsInMemory()
        self.training.put(OTHERS, dict(EVENT["detail"]["Tags"]))
        described = job_description(EVENT["detail"])
        arn = self.training.jobs[OTHERS].arn
        self.training.jobs[OTHERS] = replace(described, arn=arn, tags={}, modified_at=self.clock.now())

    def hear(self, fuse: Fuse | None = None, **changes: Any) -> TrackingOutcome:
        news = training_job_change(EVENT)
        assert news is not None
        return self.tracker(fuse).track(replace(news, modified_at=self.clock.now(), **changes))


def test_a_tagged_job_is_recorded_as_a_trial_of_its_rule_set_and_looked_at() -> None:
    world = Shared()

    assert world.hear() is TrackingOutcome.BEGUN

    job = world.store.jobs[OTHERS]
    assert (job.experiment, job.policies, job.watched) == ("watch.careful", (STOP,), True)
    assert job.log_metrics == (LogMetric(name="val:loss", regex=r"val_loss=(\S+)"),)
    (trial,) = world.store.list_trials("watch.careful")
    assert (trial.state, trial.job_name) == (TrialState.RUNNING, OTHERS)
    assert trial.hyperparameters == {"epochs": "20", "lr": "0.1"}
    assert world.store.experiments["watch.careful"].spec_key == "rule-sets/careful.yaml"
    assert world.evaluate_queue.messages == [EvaluateJob(OTHERS)]


def test_hearing_of_it_again_changes_nothing() -> None:
    world = Shared()
    world.hear()
    before = (dict(world.store.jobs), dict(world.store.trials))
    world.rule_sets.known.clear()  # the job stays under the rules of its beginning
    assert world.hear() is TrackingOutcome.STALE
    assert (dict(world.store.jobs), dict(world.store.trials)) == before


def test_a_job_without_the_tag_is_never_touched() -> None:
    world = Shared()
    assert world.hear(tags={"team": "nlp"}) is TrackingOutcome.FOREIGN
    assert OTHERS not in world.store.jobs
    assert world.training.described == []
    assert world.rule_sets.loads == 0


def test_a_rule_set_that_is_not_there_is_told_once_and_nothing_is_watched() -> None:
    world = Shared()
    for _ in range(3):
        assert world.hear(tags={"gridwatch:watch": "carefull"}) is TrackingOutcome.FOREIGN
    assert OTHERS not in world.store.jobs
    (alert,) = world.store.alerts.values()
    assert alert.kind == "watch_refused"
    world.deliver_all()
    assert "there is no rule-sets/carefull.yaml" in world.topic.messages[0][1]


def test_a_rule_set_that_is_hardly_meant_so_is_told_once_and_used() -> None:
    world = Shared()
    doubt = "rule-sets/careful.yaml:2:1: val:loss is better when it is lower"
    world.rule_sets.known["careful"] = replace(world.rule_sets.known["careful"], warnings=(doubt,))
    world.hear()
    world.hear()
    assert OTHERS in world.store.jobs
    (alert,) = world.store.alerts.values()
    assert alert.kind == "watch_doubtful"
    world.deliver_all()
    assert doubt in world.topic.messages[0][1]


def test_a_job_that_no_event_told_of_is_found_by_the_sweep() -> None:
    world = Shared()
    world.clock.advance(300)
    assert world.sweep().enrolled == 1
    assert world.store.jobs[OTHERS].experiment == "watch.careful"
    assert world.sweep().enrolled == 0


def test_tensors_are_looked_for_where_the_job_writes_them() -> None:
    def place(**detail: Any) -> str | None:
        return job_description({**EVENT["detail"], **detail}).tensors_uri

    own = "s3://artifacts/tensors/x/debug-output"
    assert place(Environment={"GRIDWATCH_TENSORS_URI": own}) == own
    assert place(DebugHookConfig={"S3OutputPath": "s3://lake/t/"}) == f"s3://lake/t/{OTHERS}/debug-output"
    assert place() is None


def with_hook(world: Shared, uri: str) -> None:
    world.training.jobs[OTHERS] = replace(world.training.jobs[OTHERS], tensors_uri=uri)
    world.hear()


def test_a_job_with_a_hook_has_its_log_read_into_a_folder_of_its_own() -> None:
    world = Shared()
    with_hook(world, "s3://lake/elsewhere")
    job = world.store.jobs[OTHERS]
    assert (job.tensors_uri, job.log_metrics[0].name, job.log_apart) == ("s3://lake/elsewhere", "val:loss", True)
    world = Shared()
    with_hook(world, f"s3://artifacts/tensors/{OTHERS}/debug-output")
    assert world.store.jobs[OTHERS].tensors_uri is None


def test_death_while_it_is_recorded_is_repaired_by_the_next_news() -> None:
    for calls in range(12):
        for after in (False, True):
            world = Shared()
            try:
                world.hear(Fuse(calls, after=after))
            except KilledError:
                world.hear()
            assert world.store.jobs[OTHERS].policies == (STOP,)
            assert len(world.store.list_trials("watch.careful")) == 1
            world.sweep()  # what wakes the evaluation of a call that died before it could
            assert EvaluateJob(OTHERS) in world.evaluate_queue.messages

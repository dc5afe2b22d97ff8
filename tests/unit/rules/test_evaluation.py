"""The evaluation as a whole: statuses, isolation of failing rules, files that are not there yet, saved state."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.status import RuleStatus
from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.tensors.reader import TensorReader
from gridwatch_rules.tensors.source import LocalSource
from tests.tensor_folder import TensorFolder
from tests.unit.rules.judging import NOW

DATA = Path(__file__).parents[2] / "data" / "tensors"

STALLING = RuleConfiguration(
    "loss", "LossNotDecreasing", {"collection_names": "metrics", "num_steps": "2", "diff_percent": "5"}
)
FINITE = RuleConfiguration("finite", "MetricNonFinite", {})


def test_the_demo_job_is_found_at_its_second_saved_step() -> None:
    """Judged on what smdebug wrote: `train-error` .1597 -> .1567 is a drop of 1.9 %, less than 5 %; auc is no loss."""
    evaluation = Evaluation.create([STALLING, FINITE])
    changes = evaluation.advance(TensorReader(LocalSource(DATA / "boosting")), now=NOW, ended=False)
    (change,) = changes
    assert (change.rule_name, change.status) == ("loss", RuleStatus.ISSUES_FOUND)
    assert change.details == (
        "RuleEvaluationConditionMet: "
        "Evaluation of the rule LossNotDecreasing at step 2 resulted in the condition being met"
    )
    assert change.finding is not None
    assert change.finding.rule == "LossNotDecreasing"
    assert change.finding.step == 2
    assert change.finding.tensor == "train-error"
    assert change.finding.observed == pytest.approx(1.8785, abs=1e-3)
    assert change.finding.threshold == 5
    assert change.finding.sentence == (
        "train-error fell by only 1.88 % over 2 steps, from 0.1597 to 0.1567 (a decrease of 5 % is wanted)"
    )
    assert evaluation.statuses["finite"].status is RuleStatus.IN_PROGRESS


def test_what_found_nothing_ends_without_issues_and_is_told_once() -> None:
    evaluation = Evaluation.create([FINITE])
    reader = TensorReader(LocalSource(DATA / "boosting"))
    assert evaluation.advance(reader, now=NOW, ended=False) == []
    (change,) = evaluation.advance(reader, now=NOW, ended=True)
    assert (change.status, change.details, change.finding) == (RuleStatus.NO_ISSUES_FOUND, "", None)
    assert evaluation.advance(reader, now=NOW, ended=True) == []


def test_state_survives_json_and_a_new_process() -> None:
    evaluation = Evaluation.create([STALLING, FINITE])
    reader = TensorReader(LocalSource(DATA / "boosting"))
    evaluation.advance(reader, now=NOW, ended=False)
    saved = json.loads(json.dumps(evaluation.save(), allow_nan=False))
    restored = Evaluation.restore([STALLING, FINITE], saved)
    assert restored.statuses == evaluation.statuses
    assert restored.last_step == 10
    assert [change.rule_name for change in restored.advance(reader, now=NOW, ended=True)] == ["finite"]
    with pytest.raises(ValueError, match="version"):
        Evaluation.restore([STALLING], {**saved, "version": 0})


def test_a_rule_that_fails_ends_in_error_and_the_others_go_on() -> None:
    folder = TensorFolder({"metrics": ["metric"]})
    folder.save(0, {"metric": [1.0]})
    folder.save(1, {"metric": [float("nan")], "other": [1.0]})
    source = folder.source()
    key = "index/000000000/000000000001_worker_0.json"
    source.objects[key] = source.objects[key].replace(b'"other"', b'"bogus"')
    evaluation = Evaluation.create([FINITE, RuleConfiguration("all", "ExplodingTensor", {"tensor_regex": "bogus"})])
    evaluation.advance(TensorReader(source), now=NOW, ended=True)
    assert evaluation.statuses["all"].status is RuleStatus.ERROR
    assert "CorruptTensorError: events/000000000001/000000000001_worker_0.tfevents is damaged" in (
        evaluation.statuses["all"].details
    )
    found = evaluation.statuses["finite"].finding
    assert found is not None
    assert (found.step, str(found.observed)) == (1, "nan")


def test_a_damaged_index_ends_every_rule_that_found_nothing_before() -> None:
    folder = TensorFolder({"metrics": ["metric"]})
    for step in range(3):
        folder.save(step, {"metric": [float("inf") if step == 0 else 1.0]})
    source = folder.source()
    source.objects["index/000000000/000000000002_worker_0.json"] = b"[]"
    evaluation = Evaluation.create([FINITE, STALLING])
    evaluation.advance(TensorReader(source), now=NOW, ended=False)
    assert evaluation.statuses["finite"].status is RuleStatus.ISSUES_FOUND
    assert evaluation.statuses["loss"].status is RuleStatus.ERROR
    assert "000000000002_worker_0.json" in evaluation.statuses["loss"].details


def test_an_events_file_still_on_its_way_is_waited_for() -> None:
    folder = TensorFolder({"metrics": ["metric"]})
    for step in range(3):
        folder.save(step, {"metric": [float("nan") if step == 2 else 1.0]})
    late = folder.source()
    events = "events/000000000001/000000000001_worker_0.tfevents"
    late.objects[events] = late.objects[events][:-5]
    evaluation = Evaluation.create([FINITE])
    assert evaluation.advance(TensorReader(late), now=NOW, ended=False) == []
    assert evaluation.last_step == 0
    (change,) = evaluation.advance(TensorReader(folder.source()), now=NOW, ended=False)
    assert change.finding is not None
    assert change.finding.step == 2


def test_tensors_that_cannot_be_reached_change_nothing() -> None:
    class Unreachable:
        def keys(self, *_: object, **__: object) -> list[str]:
            raise PermissionError("no")

        def read(self, *_: object) -> list[bytes]:
            raise PermissionError("no")

    evaluation = Evaluation.create([FINITE])
    with pytest.raises(PermissionError):
        evaluation.advance(TensorReader(Unreachable()), now=NOW, ended=True)
    assert evaluation.statuses["finite"].status is RuleStatus.IN_PROGRESS


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        (RuleConfiguration("a", "LossNotDecreasin", {}), "did you mean LossNotDecreasing"),
        (RuleConfiguration("a", "LossNotDecreasing", {"num_step": 2}), "no parameter .num_step.: allowed are coll"),
        (RuleConfiguration("a", "LossNotDecreasing", {"num_steps": "0"}), "too small; allowed is integer at least 1"),
        (RuleConfiguration("a", "LossNotDecreasing", {"num_steps": "2.5"}), "not a whole number"),
        (RuleConfiguration("a", "LossNotDecreasing", {"diff_percent": "much"}), "number at least 0 and at most 100"),
        (RuleConfiguration("a", "LossNotDecreasing", {"mode": "NIGHT"}), "one of TRAIN, EVAL, PREDICT, GLOBAL"),
        (RuleConfiguration("a", "ExplodingTensor", {"only_nan": "maybe"}), "True or False"),
        (RuleConfiguration("a", "ExplodingTensor", {"tensor_regex": "("}), "regular expressions"),
    ],
)  # fmt: skip
def test_what_is_asked_for_wrongly_is_refused_with_what_is_allowed(
    configuration: RuleConfiguration, message: str
) -> None:
    with pytest.raises(RuleConfigurationError, match=message):
        Evaluation.create([configuration])


def test_a_rule_that_saw_nothing_to_look_at_says_so() -> None:
    folder = TensorFolder({"metrics": ["metric"]})
    folder.save(0, {"metric": [1.0]})
    evaluation = Evaluation.create([FINITE, RuleConfiguration("gradients", "VanishingGradient", {})])
    evaluation.advance(TensorReader(folder.source()), now=NOW, ended=False)
    restored = Evaluation.restore(
        [FINITE, RuleConfiguration("gradients", "VanishingGradient", {})], json.loads(json.dumps(evaluation.save()))
    )
    restored.advance(TensorReader(folder.source()), now=NOW, ended=True)
    assert restored.statuses["finite"].details == ""
    assert restored.statuses["gradients"].status is RuleStatus.SAW_NOTHING
    assert restored.statuses["gradients"].details == (
        "VanishingGradient looks for the collection gradients; none was there: in one step the job saved metric at one "
        "step"
    )


def test_a_state_that_holds_nan_is_strict_json() -> None:
    folder = TensorFolder({"losses": ["loss"]})
    folder.save(0, {"loss": [float("nan")]}, mode=Mode.TRAIN, mode_step=0)
    configurations = [RuleConfiguration("overfit", "Overfit", {})]
    evaluation = Evaluation.create(configurations)
    evaluation.advance(TensorReader(folder.source()), now=NOW, ended=False)
    saved = json.loads(json.dumps(evaluation.save(), allow_nan=False))
    assert Evaluation.restore(configurations, saved).save() == saved


def test_names_are_unique() -> None:
    with pytest.raises(RuleConfigurationError, match="'finite'"):
        Evaluation.create([FINITE, FINITE])


def test_debuggers_own_strings_are_understood() -> None:
    Evaluation.create(
        [
            RuleConfiguration(
                "a",
                "LossNotDecreasing",
                {
                    "rule_to_invoke": "LossNotDecreasing",
                    "use_losses_collection": "False",
                    "collection_names": "metrics, losses",
                    "mode": "modes.eval",
                    "tensor_regex": "a{1,2}$,b",
                },
            )
        ]
    )


def test_rules_are_listed_and_validated_without_numpy() -> None:
    program = (
        "import sys; from gridwatch_rules.rules.catalogue import create_rule, rule_class, rule_names\n"
        "for name in rule_names(): rule_class(name)\n"
        "create_rule('LossNotDecreasing', {'num_steps': '2'})\n"
        "print(sorted({'numpy', 'matplotlib', 'boto3', 'pydantic'} & set(sys.modules)))"
    )
    path = Path(__file__).parents[3] / "rules"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(path)}
    )
    assert run.stdout.strip() == "[]"


def test_what_a_damaged_file_says_of_itself_forges_nothing() -> None:
    folder = TensorFolder({"metrics": ["loss"]})
    folder.save(0, {"loss": [1.0]})
    (index,) = [key for key in folder.objects if key.startswith("index/")]
    document = json.loads(folder.objects[index])
    document["meta"]["event_file_name"] = "events/\x1b[2J\u202egnp\nforged"
    folder.objects[index] = json.dumps(document).encode()
    folder.objects["events/\x1b[2J\u202egnp\nforged"] = b"damaged for good" * 9
    folder.end()
    evaluation = Evaluation.create([FINITE])
    (change,) = evaluation.advance(TensorReader(folder.source()), now=NOW, ended=True)
    assert change.status is RuleStatus.ERROR
    assert change.details.isprintable()

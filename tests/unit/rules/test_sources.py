"""Rules over several sources of metrics: each with its own steps, one verdict."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.sources import SourcesEvaluation
from gridwatch_rules.status import RuleStatus
from gridwatch_rules.streams.metric_source import MetricSource
from gridwatch_rules.tensors.reader import TensorReader
from tests.tensor_folder import MemorySource, TensorFolder

HOOK, LOG = MetricSource.HOOK, MetricSource.LOG
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
THRESHOLD = RuleConfiguration("high", "MetricThreshold", {"above": 5, "patience": 2})
PLATEAU = RuleConfiguration("flat", "MetricPlateau", {"patience": 3, "direction": "min"})
STALLED = RuleConfiguration("stalled", "StalledTrainingRule", {"threshold": 60})
TENSORS = RuleConfiguration("vanishing", "VanishingGradient", {})


def folders(hook: Sequence[float], log: Sequence[float], name: str = "loss") -> dict[MetricSource, TensorFolder]:
    """The hook saves batches 0, 10, 20, …; the log has a line an epoch."""
    found = {source: TensorFolder({"metrics": [name], "losses": [name]}) for source in (HOOK, LOG)}
    for place, value in enumerate(hook):
        found[HOOK].save(10 * place, {name: [value]})
    for place, value in enumerate(log):
        found[LOG].save(place, {name: [value]})
    return found


def created(*rules: RuleConfiguration) -> SourcesEvaluation:
    return SourcesEvaluation({HOOK: Evaluation.create(rules), LOG: Evaluation.create(rules)})


def readers(
    found: Mapping[MetricSource, TensorFolder], until: Mapping[MetricSource, int] | None = None
) -> dict[MetricSource, TensorReader]:
    return {
        source: TensorReader(folder.source(None if until is None else until[source]))
        for source, folder in found.items()
    }


def finding(evaluation: SourcesEvaluation, name: str) -> Finding:
    found = evaluation.statuses[name].finding
    assert found is not None
    return found


def test_steps_of_one_source_are_never_held_against_those_of_the_other() -> None:
    """Both fall, each on its own axis; together, by their steps, they would rise and fall."""
    found = folders([9, 8, 7, 6, 5, 4], [0.9, 0.8, 0.7, 0.6, 0.5])
    evaluation = created(PLATEAU, RuleConfiguration("swings", "Oscillation", {"window": 5}))
    evaluation.advance(readers(found), now=NOON, ended=True)
    assert {each.status for each in evaluation.statuses.values()} == {RuleStatus.NO_ISSUES_FOUND}


@pytest.mark.parametrize(("hook", "log", "source", "step"), [
    ([9.0, 9.0], [0.1] * 4, HOOK, 10),
    ([0.1] * 4, [0.1, 9.0, 9.0], LOG, 2),
    ([0.1, 9.0, 0.1, 9.0], [9.0, 0.1, 9.0, 9.0], LOG, 3),
])  # fmt: skip
def test_any_split_of_both_sources_gives_the_same_finding(
    hook: list[float], log: list[float], source: MetricSource, step: int
) -> None:
    found = folders(hook, log)
    for first, second in itertools.product(range(-1, 40, 5), range(-1, 5)):
        evaluation = created(THRESHOLD)
        evaluation.advance(readers(found, {HOOK: first, LOG: second}), now=NOON, ended=False)
        restored = {name: Evaluation.restore([THRESHOLD], part.save()) for name, part in evaluation.parts.items()}
        evaluation = SourcesEvaluation(restored)
        evaluation.advance(readers(found), now=NOON, ended=True)
        assert (finding(evaluation, "high").source, finding(evaluation, "high").step) == (source, step)


def test_what_is_found_in_one_source_ends_the_rule_in_the_other_and_is_told_once() -> None:
    found = folders([9.0] * 4, [9.0] * 4)
    evaluation = created(THRESHOLD)
    (change,) = evaluation.advance(readers(found), now=NOON, ended=False)
    assert change.finding is not None
    assert change.finding.source == HOOK
    assert evaluation.advance(readers(found), now=NOON, ended=True) == []


def test_time_has_run_out_only_when_it_has_in_all_sources() -> None:
    found = folders([1.0], [])
    evaluation = created(STALLED)
    for minutes in range(6):  # the log is silent, the hook saves
        found[HOOK].save(10 * minutes + 10, {"loss": [1.0]})
        assert evaluation.advance(readers(found), now=NOON + timedelta(minutes=minutes), ended=False) == []
    (change,) = evaluation.advance(readers(found), now=NOON + timedelta(minutes=8), ended=False)
    assert change.finding is not None
    assert (change.finding.observed, change.finding.step) == (180.0, 60)


def test_damage_in_one_source_does_not_keep_a_rule_from_the_other() -> None:
    found = folders([1.0, 1.0], [0.1, 9.0, 9.0])
    broken = {
        key: b"\xff" * 10 if key.startswith("index/") else content for key, content in found[HOOK].objects.items()
    }
    opened = {HOOK: TensorReader(MemorySource(broken)), LOG: TensorReader(found[LOG].source())}
    evaluation = created(THRESHOLD)
    evaluation.advance(opened, now=NOON, ended=False)
    assert finding(evaluation, "high").source == LOG

    evaluation = SourcesEvaluation({HOOK: Evaluation.create([THRESHOLD, TENSORS]), LOG: Evaluation.create([THRESHOLD])})
    opened[LOG] = TensorReader(folders([], [0.1, 0.1])[LOG].source())
    (change,) = evaluation.advance(opened, now=NOON, ended=False)
    assert (change.rule_name, change.status) == (
        "vanishing",
        RuleStatus.ERROR,
    )  # nothing else can help it: told at once
    (change,) = evaluation.advance(opened, now=NOON, ended=True)
    assert (change.rule_name, change.status) == ("high", RuleStatus.ERROR)  # it did not watch all of the job

    opened[LOG] = TensorReader(folders([], [0.1])[LOG].source())
    evaluation = created(THRESHOLD)
    evaluation.advance(opened, now=NOON, ended=True)
    assert evaluation.statuses["high"].status is RuleStatus.ERROR  # one value is not enough, so the damage counts


def test_a_rule_that_saw_nothing_in_one_source_is_judged_by_the_other() -> None:
    evaluation = created(THRESHOLD)
    evaluation.advance(readers(folders([], [0.1] * 3)), now=NOON, ended=True)
    assert (evaluation.statuses["high"].status, evaluation.statuses["high"].details) == (RuleStatus.NO_ISSUES_FOUND, "")
    evaluation = created(THRESHOLD)
    evaluation.advance(readers(folders([], [])), now=NOON, ended=True)
    assert evaluation.statuses["high"].details


def test_a_rule_that_saw_nothing_says_once_what_it_looked_for_and_what_each_source_had() -> None:
    """What the log reported is not denied, and a rule about tensors speaks of the hook alone."""
    rules = [THRESHOLD, RuleConfiguration("flat", "MetricPlateau", {"patience": 9}), TENSORS]
    parts = {HOOK: Evaluation.create(rules), LOG: Evaluation.create(rules[:2])}
    evaluation = SourcesEvaluation(parts)
    evaluation.advance(readers(folders([], [0.1] * 3)), now=NOON, ended=True)
    said = {name: found.details for name, found in evaluation.statuses.items() if found.details}
    assert set(said) == {"flat", "vanishing"}
    assert said["flat"].count("MetricPlateau looks for") == 1
    assert said["flat"].endswith("; the hook saved nothing; the log had only loss at 3 steps")
    assert said["vanishing"] == "VanishingGradient looks for the collection gradients; the hook saved nothing"

    evaluation = SourcesEvaluation({HOOK: Evaluation.create([TENSORS]), LOG: Evaluation.create([THRESHOLD])})
    evaluation.advance(readers(folders([1.0] * 2, [])), now=NOON, ended=True)
    assert evaluation.statuses["vanishing"].details.endswith("; of what the hook saved none is it (loss at 2 steps)")
    assert evaluation.statuses["high"].details.endswith("; no line of the log had a metric")
    assert evaluation.there(LOG) == "no line of the log had a metric"


def test_a_rule_looks_at_the_interval_it_wants_where_more_is_saved() -> None:
    """Twelve values stand still; the rule needs six: each second is enough, of each fifth there are but three."""
    for every, status in ((1, RuleStatus.ISSUES_FOUND), (2, RuleStatus.ISSUES_FOUND), (5, RuleStatus.SAW_NOTHING)):
        folder = TensorFolder({"metrics": ["loss"]})
        for step in range(12):
            folder.save(step, {"loss": [1.0]})
        rule = RuleConfiguration("flat", "MetricPlateau", {"patience": 5}, every)
        evaluation = Evaluation.create([rule])
        evaluation.advance(TensorReader(folder.source()), now=NOON, ended=True)
        assert evaluation.statuses["flat"].status is status

"""Finds rules that will see nothing to judge by, because the jobs of the spec cannot produce what they look for."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from gridwatch.domain.notices import Notice
from gridwatch.launch.hook import log_repeats_hook, told_document
from gridwatch.preflight.foreseen import MOST_STEPS, Foreseen, Sight, foresee, log_of
from gridwatch.preflight.foreseen_profile import foresee_profile
from gridwatch.preflight.xgboost_tensors import hook_saves, metrics_of
from gridwatch.spec.instance_types import gpus
from gridwatch.spec.metrics import reported_by
from gridwatch.spec.parse import normalized
from gridwatch.spec.xgboost.numbers import whole
from gridwatch.state.accepted_spec import AcceptedSpec
from gridwatch_rules.judgement.catalogue import create_judgement_rule, is_judgement_rule
from gridwatch_rules.rules.catalogue import create_rule
from gridwatch_rules.rules.metrics import is_score
from gridwatch_rules.rules.profiler.rule import ProfilerRule
from gridwatch_rules.rules.sightings import listed

if TYPE_CHECKING:
    from gridwatch.domain.rules import RulePolicy
    from gridwatch.launch.plan import Plan
    from gridwatch.spec.model import ExperimentSpec

_WITHOUT_TENSORS = frozenset({"sklearn"})  # of which the hook that is brought sees numbers alone
_SCALARS = frozenset({"losses", "metrics", "scalars"})
_LINES = 10_000  # of a log: how many there are nobody knows, so there are enough


@dataclass(frozen=True, slots=True)
class Trial:
    """What the jobs of a trial will have for rules, by source; None when not known. `metrics`: those that they report,
    None when a hook may report more. `without_hook`: there is known to be none. `brought`: the hook is Gridwatch's,
    which writes no profile, and tensors only of some frameworks (`tensors`). `count`: how many such trials there are.
    """

    sources: Sequence[Foreseen] | None
    metrics: frozenset[str] | None
    rounds: int | None = None
    without_hook: bool = False
    brought: bool = False
    tensors: bool = True
    count: int = 1


def blind_rules(plan: Plan) -> Iterator[Notice]:
    """The warnings about rules that will see nothing. What cannot be foreseen gives no warning."""
    spec = plan.spec
    if spec.tune is not None and spec.tune.algorithms:
        return  # each algorithm has metrics of its own
    kinds = list(_trials(plan))
    for index, policy in enumerate(plan.policies):
        if policy.managed:
            continue  # Debugger evaluates it, over what its own hook saves
        field = f"rules[{index}]" if index < len(spec.rules) else "debugger.configuration"
        blind = [each for kind in kinds for each in _blind(policy, kind, spec)]
        if blind:
            count, every = sum(each.count for each, _ in blind), sum(each.count for kind in kinds for each in kind)
            some = "" if count == every else f" in {count} of {every} trials"
            name = policy.rule if policy.source is None else policy.name
            message = f"{name} will see nothing to judge by{some} and end as SawNothing: {blind[0][1]}"
            yield Notice(check="intervals", field=field, message=message, advice=_ADVICE)


_ADVICE = "change what it looks at or how often that is saved (collect), or leave the rule out"


def _blind(policy: RulePolicy, kind: Sequence[Trial], spec: ExperimentSpec) -> Iterator[tuple[Trial, str]]:
    """The trials in which a rule sees nothing. They differ only in their rounds, fewest first: with more rounds a rule
    sees more.
    """
    judging = bisect_left(kind, True, key=lambda trial: _told(policy, trial, spec) is None)
    for trial in kind[:judging]:
        if (why := _told(policy, kind[0], spec)) is not None:
            yield trial, why


def _trials(plan: Plan) -> Iterator[Sequence[Trial]]:
    """The kinds of trials that differ in what they will have, each sorted by rounds."""
    spec = plan.spec
    if spec.algorithm.is_own_xgboost:
        yield from _xgboost(plan)
        return
    names = reported_by(spec)
    log = _log(names, _LINES) if spec.algorithm.metrics else []
    built_in = spec.algorithm.name is not None
    carried = any(use.carrier is not None for use in plan.hooks)
    none = spec.hook == "off" or (plan.script_hook is False and not carried)
    if carried:
        yield [Trial(None, None, brought=True, tensors=spec.algorithm.framework not in _WITHOUT_TENSORS)]
    elif built_in or (none and plan.engine == "gridwatch"):
        yield [Trial(log, frozenset(spec.algorithm.metrics), without_hook=True)]
    else:
        yield [Trial(None, None)]


def _xgboost(plan: Plan) -> Iterator[Sequence[Trial]]:
    document, channels = told_document(plan.template), list(plan.spec.data)
    repeats = log_repeats_hook(AcceptedSpec(normalized(plan.spec)))
    kinds: dict[Any, Counter[int]] = {}
    points: dict[Any, Mapping[str, Any]] = {}
    for point in plan.points:
        given = {**plan.spec.hyperparameters, **point.hyperparameters}
        rounds = whole(given.get("num_round"))
        kind = metrics_of(given, channels), given.get("booster")
        points.setdefault(kind, given)
        steps = MOST_STEPS if rounds is None else rounds
        kinds.setdefault(kind, Counter())[steps] += 1
    for kind, counts in kinds.items():
        metrics = kind[0]
        yield [
            Trial(
                [
                    hook_saves(points[kind], channels, document, steps),
                    *(() if repeats else _log(metrics, steps)),
                ],
                frozenset(metrics), steps, count=counts[steps],
            )
            for steps in sorted(counts)
        ]  # fmt: skip


def _log(names: Sequence[str], lines: int) -> list[Foreseen]:
    return [log_of(names, [name for name in names if not is_score(name)], lines)]


def _told(policy: RulePolicy, trial: Trial, spec: ExperimentSpec) -> str | None:
    """Why the rule will see nothing in the trial; None when it will see something, or that is not known."""
    if policy.source is not None:
        return "the script uses no hook, so that its jobs save no tensors" if trial.without_hook else None
    if is_judgement_rule(policy.rule):
        return _across(policy, trial, spec)
    rule = create_rule(policy.rule, policy.parameters)
    if isinstance(rule, ProfilerRule):
        return _profile(rule, trial, spec)
    if not trial.tensors and rule.required.collections and not _SCALARS.intersection(rule.required.collections):
        title = spec.algorithm.framework
        return f"it looks for {rule.looks_for()}; the hook that is brought saves no tensors of {title}"
    if rule.looks_at_beats and trial.sources is not None:
        return f"it looks for {rule.looks_for()}, and no watch is brought into its jobs"
    if trial.sources is None or (not rule.required.names_any and trial.sources):
        return None
    sights = [_sight(policy, place, source) for place, source in enumerate(trial.sources)]
    if any(sight.judges for sight in sights):
        return None
    return f"it looks for {rule.looks_for()}; {_there(sights, trial)}"


def _sight(policy: RulePolicy, place: int, source: Foreseen) -> Sight:
    """The foreseen sight of a rule; a log has no intervals, but the hook's rounds have."""
    return foresee(create_rule(policy.rule, policy.parameters), source, policy.every if place == 0 else 1)


def _there(sights: Sequence[Sight], trial: Trial) -> str:
    seen = next((sight.seen for sight in sights if sight.seen), "")
    if seen:
        looked = "" if trial.rounds is None else f", of {trial.rounds:,} rounds"
        return f"there will be only {seen}{looked}"
    there = next((sight.there for sight in sights if sight.there), "")
    hook = "the script uses no hook" if trial.without_hook else ""
    said = f"of what the jobs save none is it ({there})" if there else "its jobs save no tensors and report no metrics"
    return f"{hook}, {said}" if hook else said


def _across(policy: RulePolicy, trial: Trial, spec: ExperimentSpec) -> str | None:
    rule = create_judgement_rule(policy.rule, policy.parameters)
    metric = rule.parameters.metric or spec.objective.metric
    if trial.metrics is None or trial.sources is None:
        return None
    wanted = rule.looks_for().replace("the objective", metric)
    if metric.replace(":", "-") not in {name.replace(":", "-") for name in trial.metrics}:
        return f"it looks for {wanted}; its jobs report {listed(sorted(trial.metrics)) or 'no metrics'}"
    if trial.rounds is None:
        return None
    steps = max((_reports(source, metric) for source in trial.sources), key=len)
    # The report at the end of the training is not judged: there is nothing left to stop.
    judged = [step for step in steps if step + 1 < trial.rounds] or steps[:1]
    reached = {"rounds": judged[-1] + 1, "epochs": len(judged)}.get(rule.parameters.resource, inf) if judged else 0
    if len(judged) >= rule.reports_needed and reached >= rule.resource_needed:
        return None
    return f"it looks for {wanted}; {metric} will be reported {len(steps):,} times in {trial.rounds:,} rounds"


def _reports(source: Foreseen, metric: str) -> list[int]:
    """The steps at which a metric is saved, under either spelling."""
    names = {metric, metric.replace(":", "-")}
    return [step for step, saved in source.saved() if not names.isdisjoint(saved)]


def _profile(rule: ProfilerRule, trial: Trial, spec: ExperimentSpec) -> str | None:
    if trial.without_hook:
        return "its jobs write no profile, which Gridwatch's hook does"
    if trial.brought:
        return "its jobs write no profile, which a hook of the script's own does (hook: own)"
    kinds = spec.resources.machines
    some_gpu = max((gpus(kind) for kind in kinds), default=0)
    xgboost = spec.algorithm.is_own_xgboost
    if foresee_profile(rule, gpus=some_gpu, rounds=trial.rounds if xgboost else None, loads=not xgboost):
        return None
    machines = ", ".join(kinds)
    has = f"{some_gpu} GPU{'s' if some_gpu > 1 else ''}" if some_gpu else "no GPU"
    steps = f"; a training has {trial.rounds:,} rounds" if trial.rounds is not None else ""
    return f"it looks for {rule.looks_for()}; {machines} has {has}{steps}"

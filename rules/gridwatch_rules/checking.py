"""Evaluates one rule on one folder of tensors or one profile, from its first step, for the command `check`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridwatch_rules.clock import Clock, SystemClock
from gridwatch_rules.judgement.catalogue import is_judgement_rule
from gridwatch_rules.places import Opener, require_tensors
from gridwatch_rules.rules.catalogue import create_rule
from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.rules.status_change import RuleEvaluation
from gridwatch_rules.status import RuleStatus
from gridwatch_rules.tensors.heartbeats import Beats, no_beats

if TYPE_CHECKING:
    from gridwatch_rules.rules.custom.runner import CustomRule
    from gridwatch_rules.tensors.source import TensorSource

# Evaluation needs numpy, so it is imported late: commands that evaluate nothing do not pay for it.
# ruff: noqa: PLC0415


# Exit codes of commands that check, by the rule's final status.
EXIT_CODES = {
    RuleStatus.NO_ISSUES_FOUND: 0,
    RuleStatus.ISSUES_FOUND: 3,
    RuleStatus.ERROR: 2,
    RuleStatus.SAW_NOTHING: 4,
}


@dataclass(frozen=True, slots=True)
class Following:
    """The way to follow a running job: look every `seconds` until it ends."""

    clock: Clock
    seconds: float = 1.0


def check(
    location: str | Path,
    rule: str,
    parameters: Mapping[str, str] | None = None,
    *,
    opener: Opener | None = None,
    following: Following | None = None,
    seconds: float = 300.0,
    as_deployed: bool = False,
) -> RuleEvaluation:
    """Evaluate a rule on a folder of tensors. `rule` is its name, or FILE.py:ClassName for one of your own, which may
    take `seconds` and with `as_deployed` can import only what the deployed function has. With `following` the
    evaluation goes on until the job has ended or the rule fired, instead of ending with the steps already saved.

    Raises RuleConfigurationError, GridwatchError, OSError, or ValueError for `seconds` that are none.
    """
    reached, given = opener or Opener(), dict(parameters or {})
    if is_judgement_rule(rule):
        raise RuleConfigurationError(
            f"{rule} is a rule across trials, and a folder holds one trial's tensors; backtest replays it on curves"
        )
    if not seconds > 0:
        raise ValueError(f"a rule may take {seconds:g} s; allowed is a number above 0")
    on_profile = ":" not in rule and is_profiler_rule(rule, given)
    path = _tensors_in(str(location), reached, None if on_profile or ":" in rule else following)
    source = reached.open(path)
    if ":" in rule:
        from gridwatch_rules.rules.custom.recorded import holds_profile
        from gridwatch_rules.rules.custom.runner import CustomRule

        if following is None and not holds_profile(source):
            require_tensors(source, path)
        own = CustomRule.parse(rule, given)
        place = str(Path(path).resolve()) if "://" not in path else path
        return check_custom(own, place, source, reached, seconds=seconds, following=following, as_deployed=as_deployed)
    configuration = RuleConfiguration(rule, rule, given)
    if on_profile:
        return check_profile(source, configuration)
    if following is None:
        require_tensors(source, path)
    beats = partial(reached.heartbeats_in, str(location))
    return check_tensors(source, reached.open_job, configuration, SystemClock(), following, beats=beats)


def _tensors_in(location: str, opener: Opener, following: Following | None) -> str:
    """The folder of tensors at a location. A job that is followed may not have begun to write: this waits for it."""
    while following is not None and not opener.has_output(location):
        following.clock.sleep(following.seconds)
    return opener.tensors_in(location)


def check_tensors(
    source: TensorSource,
    open_other: Callable[[str], TensorSource],
    configuration: RuleConfiguration,
    clock: Clock,
    following: Following | None = None,
    *,
    beats: Beats = no_beats,
) -> RuleEvaluation:
    """Evaluate the rule on the saved tensors, or with `following` on all that arrive until the end marker does.

    Raises RuleConfigurationError, GridwatchError or OSError.
    """
    from gridwatch_rules.tensors.reader import TensorReader

    reader = TensorReader(source, open_other, passes_over=True)
    evaluation = Evaluation.create([configuration])
    while True:
        ended = reader.has_ended()
        now_told = beats if following is not None or ended else no_beats
        evaluation.advance(reader, now=clock.now(), ended=ended, beats=now_told)
        found = evaluation.statuses[configuration.name]
        if found.status.is_final:
            return found
        if following is None:
            return _judge_unfinished(configuration, evaluation.save(), reader, clock, beats)
        following.clock.sleep(following.seconds)


def _judge_unfinished(
    configuration: RuleConfiguration, saved: Mapping[str, Any], reader: Any, clock: Clock, beats: Beats
) -> RuleEvaluation:
    """Evaluate a folder without an end marker (SageMaker's hook writes none) as if the job were over. If its last step
    is incomplete, that step is ignored, as it would be while the job runs. An earlier step that is incomplete is
    damage.
    """
    evaluation = Evaluation.restore([configuration], saved)
    met_damage = bool(reader.damage)  # damage was found while the job ran, so the cause is not an incomplete last step
    evaluation.advance(reader, now=clock.now(), ended=True, beats=beats)
    found = evaluation.statuses[configuration.name]
    step = saved["cursor"]["step"]
    is_damaged = found.status is RuleStatus.ERROR and found.details.startswith("CorruptTensorError")
    if is_damaged and not met_damage and step >= 0 and reader.saved_after(step) == 1:
        if saved["rules"][configuration.name]["judged"] == 0:
            details = f"nothing to judge by up to step {step}; after it: {found.details}"
            return RuleEvaluation(RuleStatus.SAW_NOTHING, details)
        return RuleEvaluation(RuleStatus.NO_ISSUES_FOUND, f"judged up to step {step}; after it: {found.details}")
    return found


def check_profile(source: TensorSource, configuration: RuleConfiguration) -> RuleEvaluation:
    """Evaluate a profiler rule on the `profiler-output` folder of a job that is over."""
    from gridwatch_rules.rules.profiler.evaluation import ProfileEvaluation
    from gridwatch_rules.rules.profiler.reader import ProfileReader

    evaluation = ProfileEvaluation.create([configuration])
    evaluation.advance(ProfileReader(source), ended=True)
    return evaluation.statuses[configuration.name]


def is_profiler_rule(name: str, parameters: Mapping[str, Any]) -> bool:
    """Whether the rule looks at a profile. Raises RuleConfigurationError for an unknown rule or wrong parameters."""
    from gridwatch_rules.rules.profiler.rule import ProfilerRule

    return isinstance(create_rule(name, parameters), ProfilerRule)


def check_custom(
    rule: CustomRule,
    location: str,
    source: TensorSource,
    opener: Opener,
    *,
    seconds: float,
    following: Following | None,
    as_deployed: bool = True,
) -> RuleEvaluation:
    """Evaluate a custom rule in a process of its own. When a job is followed, each look replays the rule from the first
    step.
    """
    from gridwatch_rules.rules.custom.recorded import has_ended
    from gridwatch_rules.rules.custom.runner import run_custom_rule

    while True:
        ended = following is None or has_ended(source)
        found = run_custom_rule(
            rule,
            location,
            ended=ended,
            seconds=seconds,
            environment=opener.environment,
            opener=opener.name,
            as_deployed=as_deployed,
        )
        if following is None or found.status.is_final:
            return found
        following.clock.sleep(following.seconds)

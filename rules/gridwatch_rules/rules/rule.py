"""The base class of rules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import parse_parameters
from gridwatch_rules.rules.requirement import Collect, Requirement

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView
    from gridwatch_rules.tensors.heartbeats import Beat


class Scope(StrEnum):
    """Whether a rule judges a job by its own tensors, or by comparing the trials of an experiment."""

    TRIAL = "trial"
    EXPERIMENT = "experiment"


@dataclass(frozen=True, slots=True)
class NoParameters:
    """The parameters of a rule that takes none."""


class Rule(ABC):
    """Judges one job. It is given every saved global step once, in increasing order, until it finds something.

    A rule keeps its state between steps in a few numbers, which `save` returns as JSON and `restore` takes back, so
    that the steps may come in any number of calls without changing the verdict. It keeps no tensors of former steps,
    but reads them again through the view; the last dozens of single numbers may be part of the state.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    scope: ClassVar[Scope] = Scope.TRIAL
    collect: ClassVar[tuple[Collect, ...]] = ()  # what Debugger saves for this rule by default
    Parameters: ClassVar[type[Any]] = NoParameters
    looks_at_beats: ClassVar[bool] = False  # whether it judges by the heartbeats of the job's ranks
    looks_at_time: ClassVar[bool] = False  # whether it judges by the time alone
    # How often the rule had everything that a verdict needs. None means that it does not count this, and that any
    # tensor it looks at is enough.
    judged: int | None = None

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters
        self.required = self.requirement()

    @property
    def judges_each_value(self) -> bool:
        """Whether a single value is enough for a finding, so that no step may be skipped."""
        return False

    @classmethod
    def create(cls, given: Mapping[str, object]) -> Rule:
        """Create the rule with these parameters. Raises RuleConfigurationError when they are wrong."""
        return cls(parse_parameters(cls.name, cls.Parameters, given))

    @abstractmethod
    def requirement(self) -> Requirement:
        """The tensors that this rule, with its parameters, looks at."""

    @abstractmethod
    def check(self, view: StepView) -> Finding | None:
        """Look at one step. The step may have none of the rule's tensors."""

    def looks_for(self) -> str:
        """A text completing "the rule looks for …", which names the data that it needs to judge."""
        return self.required.in_words

    def finding(
        self, view: StepView, tensor: str | None, observed: float | None, threshold: float | None, sentence: str
    ) -> Finding:
        """Make this rule's finding at a step."""
        return Finding(
            rule=self.name,
            step=view.step,
            mode=view.mode,
            tensor=tensor,
            observed=observed,
            threshold=threshold,
            sentence=sentence,
        )

    def check_time(self, now: datetime, last_step: int) -> Finding | None:
        """Judge by the time, once in each evaluating call, after its steps. `last_step` is -1 before the first step."""
        del now, last_step
        return None

    def wait(self, now: datetime) -> None:
        """The job has no machines now, as after its spot capacity was taken away. Time begins anew for a rule that
        judges by it: nothing can come meanwhile, and no check is made.
        """
        del now

    def check_beats(self, beats: Sequence[Beat], now: float) -> Finding | None:
        """Judge by the newest heartbeats of all ranks, once in each evaluating call; `now` is in Unix seconds."""
        del beats, now
        return None

    def finish(self, view: StepView | None) -> Finding | None:
        """Make a last judgement when the job is over. `view` shows its last step, and is None when it saved nothing."""
        del view
        return None

    def save(self) -> dict[str, Any]:
        """The rule's state: dictionaries with text keys, lists, texts and numbers, which need not be finite."""
        return {}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Restore the result of `save`."""
        del saved

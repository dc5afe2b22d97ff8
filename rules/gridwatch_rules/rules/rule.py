"""What a rule is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import parse_parameters
from gridwatch_rules.rules.requirement import Collect, Requirement

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


class Scope(StrEnum):
    """Whether a rule judges a job by its own tensors, or by comparing the trials of an experiment."""

    TRIAL = "trial"
    EXPERIMENT = "experiment"


@dataclass(frozen=True, slots=True)
class NoParameters:
    """For rules that take none."""


class Rule(ABC):
    """Judges one job. Handed every global step that was saved once, in increasing order, until it finds something.

    What it must remember from step to step it keeps in a few numbers that `save` gives out as JSON and `restore` takes
    back, so that the steps may come in any number of calls without changing the verdict. Values of former steps are not
    remembered but read again through the view.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    scope: ClassVar[Scope] = Scope.TRIAL
    collect: ClassVar[tuple[Collect, ...]] = ()  # what Debugger saves for this rule when nothing else is said
    Parameters: ClassVar[type[Any]] = NoParameters
    # How often it had all that its verdict takes. None: it does not say, and whatever it looks at counts as enough.
    judged: int | None = None

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters
        self.required = self.requirement()

    @property
    def judges_each_value(self) -> bool:
        """Whether a single value is enough for a finding, so that none may be passed over."""
        return False

    @classmethod
    def create(cls, given: Mapping[str, object]) -> Rule:
        """The rule with these parameters. Raises RuleConfigurationError when they are wrong."""
        return cls(parse_parameters(cls.name, cls.Parameters, given))

    @abstractmethod
    def requirement(self) -> Requirement:
        """The tensors this rule, with its parameters, looks at."""

    @abstractmethod
    def check(self, view: StepView) -> Finding | None:
        """Looks at one step. Steps at which none of its tensors were saved come too."""

    def looks_for(self) -> str:
        """What it must have seen to judge, completing "the rule looks for …"."""
        return self.required.in_words

    def finding(
        self, view: StepView, tensor: str | None, observed: float | None, threshold: float | None, sentence: str
    ) -> Finding:
        """What this rule found at a step."""
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
        """Looks at the clock, once in each call that evaluates, after the new steps. `last_step` is -1 before the
        first.
        """
        del now, last_step
        return None

    def finish(self, view: StepView | None) -> Finding | None:
        """Looks back when the job is over. `view` is of its last step, None when it saved nothing."""
        del view
        return None

    def save(self) -> dict[str, Any]:
        """What must be remembered: dictionaries with text keys, lists, texts, numbers (also such as are not finite)."""
        return {}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Takes back what `save` gave."""
        del saved

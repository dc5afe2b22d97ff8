"""The base of profiler rules, which judge the measurements of a job's profile instead of the tensors of its steps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import integer
from gridwatch_rules.rules.profiler.metrics import Sample, Span
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.tensors.modes import Mode

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


def scan_interval() -> Any:
    """The parameter that all profiler rules have."""
    meaning = "how often the condition is looked at, in microseconds of the metrics' own time; 0: at every sample"
    return integer(60_000_000, meaning, minimum=0)


class ProfilerRule(Rule):
    """Judges one job by its profile. It is given every sample and span once, in the order of time.

    Unlike a rule on tensors it may be used further after a finding, because ProfilerReport counts how often each rule
    triggered. System metrics have no steps, so the step of a finding on them is 0, and its sentence names the sample.
    """

    judged = 0

    @abstractmethod
    def looks_for(self) -> str: ...

    def requirement(self) -> Requirement:
        return Requirement()

    def check(self, view: StepView) -> NoReturn:
        """Raise an error, because a profiler rule that is given tensors must not pass for one that found nothing."""
        raise TypeError(f"{self.name} looks at a job's profile, not at its tensors")

    def finish(self, view: StepView | None) -> NoReturn:
        raise TypeError(f"{self.name} looks at a job's profile, not at its tensors")

    def check_sample(self, sample: Sample) -> Finding | None:
        """Look at one sample of system metrics."""
        del sample
        return None

    def check_span(self, span: Span) -> Finding | None:
        """Look at one span of framework metrics."""
        del span
        return None

    def conclude(self) -> Finding | None:
        """Make a last judgement when the job is over."""
        return None

    def page(self, title: str) -> str | None:
        """The rule's final page for people as one HTML document, or None."""
        del title
        return None


class SystemRule(ProfilerRule):
    """The base of rules on samples. It takes every sample, and judges once in each scan interval and at the end.

    Debugger's rule containers likewise read the metrics and checked their conditions once in `scan_interval_us`.
    """

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters)
        self._scan_at: float | None = None
        self._seen: dict[str, int] = {}  # node -> samples
        self._last: tuple[str, float] | None = None  # node and time of the last sample

    @abstractmethod
    def take(self, sample: Sample) -> None:
        """Keep the values of a sample that judging needs."""

    @abstractmethod
    def judge(self) -> Finding | None:
        """Check the condition now."""

    def check_sample(self, sample: Sample) -> Finding | None:
        self._seen[sample.node] = self._seen.get(sample.node, 0) + 1
        self._last = (sample.node, sample.time)
        self.take(sample)
        return self.judge() if self._due(sample.time) else None

    def conclude(self) -> Finding | None:
        return self.judge() if self._last else None

    def save(self) -> dict[str, Any]:
        return {"scan_at": self._scan_at, "seen": self._seen, "last": self._last, "state": self.save_state()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._scan_at = saved["scan_at"]
        self._seen = dict(saved["seen"])
        self._last = tuple(saved["last"]) if saved["last"] else None
        self.restore_state(saved["state"])

    @abstractmethod
    def save_state(self) -> Any:
        """The values that `take` keeps, as JSON."""

    @abstractmethod
    def restore_state(self, state: Any) -> None:
        """Restore the result of `save_state`."""

    def found_now(self, metric: str, observed: float, threshold: float, sentence: str) -> Finding:
        """Make a finding at the last sample."""
        assert self._last is not None
        node, time = self._last
        at = f"at sample {self._seen[node]} of {node} ({datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC)"
        return Finding(
            rule=self.name,
            step=0,
            mode=Mode.GLOBAL,
            tensor=metric,
            observed=observed,
            threshold=threshold,
            sentence=f"{sentence}, {at}",
        )

    def _due(self, time: float) -> bool:
        interval = self.parameters.scan_interval_us / 1_000_000
        if self._scan_at is None:
            self._scan_at = time + interval
        if time < self._scan_at:
            return False
        self._scan_at = time + interval
        return True

"""The figures that people are told of each setting of the dial `stopping` before it is switched on.

They are those of benchmarks/_judgement_kinds.py, measured on kinds of training that the setting was not chosen
on; docs/judgement.md has them beside other rules'. A test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gridwatch_rules.judgement.stopping import STOPPING_RULE, Stopping

Share = tuple[float, float]  # saved and killed, in %

# Parameters that change nothing of what the figures say.
_NEUTRAL = frozenset({"stopping", "metric", "direction"})


@dataclass(frozen=True, slots=True)
class Expected:
    """The means over the kinds of training in %, with their 95 % intervals; `worst` is the largest share of the best
    trials that was stopped on one grid.
    """

    saved: float
    saved_interval: Share
    killed: float
    killed_interval: Share
    worst: float
    kinds: Mapping[str, Share]

    def as_document(self) -> dict[str, Any]:
        return asdict(self)

    def sentence(self) -> str:
        saved, killed = (f"{low:g} to {high:g}" for low, high in (self.saved_interval, self.killed_interval))
        return (
            f"on {len(self.kinds)} kinds of training that it was not chosen on it saved {self.saved:.0f} % of the time "
            f"({saved}) and stopped {self.killed:g} % of the best trials ({killed}), on the worst grid "
            f"{self.worst:g} %"
        )

    def by_kind(self) -> str:
        """Saved and killed of each kind."""
        return "; ".join(f"{kind} {saved:.0f} / {killed:g}" for kind, (saved, killed) in self.kinds.items())


def expected_of(rule: str, parameters: Mapping[str, object]) -> Expected | None:
    """Look up what to expect of a rule with these parameters. Returns None where nothing was measured: of other rules,
    and of numbers that differ from the setting's own.
    """
    if rule != STOPPING_RULE or not parameters.keys() <= _NEUTRAL:
        return None
    named = str(parameters.get("stopping", Stopping.BALANCED)).casefold()
    return EXPECTED.get(Stopping(named)) if named in list(Stopping) else None


EXPECTED: Mapping[Stopping, Expected] = {
    Stopping.CAUTIOUS: Expected(
        saved=56.1,
        saved_interval=(45, 67),
        killed=1.9,
        killed_interval=(0, 5),
        worst=33,
        kinds={
            "autoencoders": (66.4, 0.0),
            "boosted trees": (58.1, 0.0),
            "convolutional networks": (68.8, 0.0),
            "linear models": (67.3, 0.0),
            "noisy quadratic": (56.5, 6.7),
            "recurrent networks": (58.8, 0.0),
            "reinforcement learning": (20.5, 1.6),
            "residual networks": (52.8, 0.0),
            "small networks": (55.5, 9.0),
        },
    ),
    Stopping.BALANCED: Expected(
        saved=63.6,
        saved_interval=(53, 74),
        killed=2.4,
        killed_interval=(0, 5),
        worst=39,
        kinds={
            "autoencoders": (77.2, 0.0),
            "boosted trees": (68.3, 1.4),
            "convolutional networks": (75.7, 0.0),
            "linear models": (74.9, 0.0),
            "noisy quadratic": (59.4, 3.3),
            "recurrent networks": (67.4, 0.0),
            "reinforcement learning": (33.8, 4.5),
            "residual networks": (56.6, 1.0),
            "small networks": (58.8, 11.4),
        },
    ),
    Stopping.EAGER: Expected(
        saved=73.1,
        saved_interval=(63, 83),
        killed=10.7,
        killed_interval=(0, 22),
        worst=43,
        kinds={
            "autoencoders": (81.1, 0.0),
            "boosted trees": (76.8, 9.4),
            "convolutional networks": (81.6, 0.0),
            "linear models": (83.0, 0.0),
            "noisy quadratic": (77.7, 43.3),
            "recurrent networks": (77.4, 0.0),
            "reinforcement learning": (42.1, 11.5),
            "residual networks": (68.1, 8.3),
            "small networks": (70.4, 23.3),
        },
    ),
}

"""Sets of rules that a spec names in one word: `rules: [llm-finetuning]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_EVERY_STEP = ("NonFiniteGradient", "LearningRateFrozen", "ThroughputDrop", "DataStarvation", "MemoryCreep", "Hang")

READY_RULES: Mapping[str, tuple[str, ...]] = {
    "boosting": ("MetricNonFinite", "Divergence", "StalledTrainingRule"),
    "distributed": ("MetricNonFinite", "NonFiniteGradient", "ThroughputDrop", "Hang", "Straggler"),
    "llm-finetuning": ("MetricNonFinite", "LossSpike", "GradientNormSpike", "LabelsMasked", *_EVERY_STEP),
    "vision": ("MetricNonFinite", "LossSpike", "GradientNormSpike", *_EVERY_STEP),
}


def written_out(rules: Any) -> Any:
    """The list with a rule for each that a named set has, where no entry has that rule already. The first takes the
    set's place and the others come last, so that the entries that were written keep their places in messages.
    """
    if not isinstance(rules, list) or not any(isinstance(entry, str) and entry in READY_RULES for entry in rules):
        return rules
    given = [entry for entry in rules if not (isinstance(entry, str) and entry in READY_RULES)]
    known = {entry.get("name") or entry.get("rule") for entry in given if isinstance(entry, dict)}
    found: list[Any] = []
    more: list[Any] = []
    for entry in rules:
        if not (isinstance(entry, str) and entry in READY_RULES):
            found.append(entry)
            continue
        names = [name for name in READY_RULES[entry] if name not in known]
        known.update(names)
        found += [{"rule": name} for name in names[:1]]
        more += [{"rule": name} for name in names[1:]]
    return [*found, *more]


def refuse_word(entry: Any) -> Any:
    """The entry, which is no word. Raises ValueError for one that names no set."""
    if isinstance(entry, str):
        raise ValueError(f"there is no set of rules {entry[:64]!r}; sets are {', '.join(READY_RULES)}")
    return entry

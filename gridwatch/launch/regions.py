"""Doomed regions as they are kept, and the trials that are spared because of them."""

from __future__ import annotations

from gridwatch.domain.regions import CANCELLED_IN, DoomedRegionRecord, RegionConditionRecord
from gridwatch.domain.trials import TrialRecord
from gridwatch_rules.judgement.regions import Condition, Doomed, Region


def is_spared(trial: TrialRecord) -> bool:
    return (trial.reason or "").startswith(CANCELLED_IN)


def region_of(record: DoomedRegionRecord) -> Region:
    return Region(tuple(Condition(each.factor, each.relation, each.value) for each in record.conditions))


def region_record(doomed: Doomed, spec_version: str) -> DoomedRegionRecord:
    return DoomedRegionRecord(
        name=str(doomed.region),
        conditions=tuple(
            RegionConditionRecord(factor=each.factor, relation=each.relation, value=each.value)
            for each in doomed.region.conditions
        ),
        spec_version=spec_version,
        failures=doomed.failures,
        known=doomed.known,
        confidence=doomed.confidence,
        failures_elsewhere=doomed.elsewhere[0],
        known_elsewhere=doomed.elsewhere[1],
    )

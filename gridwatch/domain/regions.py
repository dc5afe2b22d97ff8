"""Parts of a search space where trials fail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gridwatch.domain.measured import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionConditionRecord:
    """A factor compared (=, <=, >=) with a value."""

    factor: str
    relation: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class DoomedRegionRecord:
    """A part of the search space where trials fail, with the evidence at that time
    (gridwatch_rules.judgement.regions).
    """

    name: str
    conditions: tuple[RegionConditionRecord, ...]
    spec_version: str  # of the upload whose points it spares
    failures: int
    known: int
    confidence: Measured
    failures_elsewhere: int
    known_elsewhere: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionsRecord:
    """The doomed regions of an experiment, and those that a person has released, which are never doomed again."""

    experiment: str
    doomed: tuple[DoomedRegionRecord, ...] = ()
    released: tuple[DoomedRegionRecord, ...] = ()
    updated_at: datetime
    looked_at: datetime | None = None  # when all trials of a large grid were last read to find regions
    version: int = 0  # of the record, as read


CANCELLED_IN = "its point lies in a doomed region: "  # why a trial that waited was cancelled, or waits longer

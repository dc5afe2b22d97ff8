"""Spares trials that wait in a part of the search space where trials fail. Repeating it changes nothing.

A trial counts as failed when a rule that looks at it alone has stopped it; all others that have ended and did not fail
as training jobs count as sound. Waiting trials in a doomed region are looked for again at each stop, so a call that
died is completed by the next one. A large grid is read at most once a minute: what came since counts at the next stop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from gridwatch.alerts.doomed_region import region_doomed
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.regions import CANCELLED_IN, DoomedRegionRecord, RegionsRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.launch.regions import is_spared, region_of, region_record
from gridwatch.state.accepted_spec import DoomedRegions, spec_of
from gridwatch.state.store import ConflictError, StateStore
from gridwatch.state.unreadable import if_readable
from gridwatch_rules.clock import Clock
from gridwatch_rules.judgement.catalogue import is_judgement_rule
from gridwatch_rules.judgement.regions import Doomed, Known, Region, doomed_region

MOST_AT_ONCE = 8
LARGE = 100  # trials, of which one request reads more
LOOK_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionKeeper:
    store: StateStore
    alerts: AlertOutbox
    clock: Clock

    def look(self, experiment: str) -> Sequence[str]:
        """Find the experiment's doomed regions and spare trials there, if its spec asks for that; nothing is found
        while others look. Raises ConflictError: ask again later.
        """
        record = self.store.get_experiment(experiment)
        asked = spec_of(record).doomed_regions if record is not None else None
        if record is None or not asked:
            return ()
        kept = self._turn(experiment)
        return self._look(record, asked, kept) if kept is not None else ()

    def _turn(self, experiment: str) -> RegionsRecord | None:
        """The regions as they are kept, when it is time to look; None when somebody has just looked at a large grid."""
        now = self.clock.now()
        kept = self.store.get_regions(experiment) or RegionsRecord(experiment=experiment, updated_at=now)
        counts = if_readable(partial(self.store.get_counts, experiment))
        if counts is None or not counts.is_whole or sum(counts.states.values()) < LARGE:
            return kept
        if kept.looked_at is not None and now - kept.looked_at < LOOK_EVERY:
            return None
        looking = replace(kept, looked_at=now)
        try:
            self.store.save_regions(looking)
        except ConflictError:  # it is somebody else's turn
            return None
        return replace(looking, version=kept.version + 1)

    def _look(self, record: ExperimentRecord, asked: DoomedRegions, kept: RegionsRecord) -> Sequence[str]:
        trials = self.store.list_trials(record.name)
        doomed = [each for each in kept.doomed if each.spec_version == record.spec_version]
        released = [region_of(each) for each in kept.released]
        found = list(self._found(record, trials, asked, [*released, *map(region_of, doomed)]))
        if found:
            doomed += [region_record(each, record.spec_version) for each in found]
            self.store.save_regions(replace(kept, doomed=tuple(doomed), updated_at=self.clock.now()))
        for each in doomed:
            reason = f"{CANCELLED_IN}{each.name}"  # of a call that died as well
            known = sum(trial.reason == reason for trial in trials)
            spared = known + self._spare([t for t in trials if t.reason != reason], each, asked.action)
            self.alerts.ask(region_doomed(record, each, action=asked.action, spared=spared, now=self.clock.now()))
        return [each.name for each in doomed]

    def _found(
        self, record: ExperimentRecord, trials: Sequence[TrialRecord], asked: DoomedRegions, but: list[Region]
    ) -> Iterator[Doomed]:
        current = frozenset(record.trial_ids)
        known = list(_known(record, [trial for trial in trials if trial.trial_id in current]))
        factors = _factors(trials)
        for _ in range(MOST_AT_ONCE):
            found = doomed_region(
                known, factors, confidence=asked.confidence, share=asked.share,
                min_failures=asked.min_failures, but=but,
            )  # fmt: skip
            if found is None:
                return
            yield found
            but = [*but, found.region]

    def _spare(self, trials: Sequence[TrialRecord], doomed: DoomedRegionRecord, action: str) -> int:
        """How many of those that wait in the region are spared now: where a launcher was faster, it is launched."""
        region, now = region_of(doomed), self.clock.now()
        waiting = (trial for trial in trials if trial.state is TrialState.WAITING and not is_spared(trial))
        within = [trial for trial in waiting if region.holds(trial.hyperparameters)]
        return len(self.store.update_trials([(trial, _spared(trial, doomed.name, action, now)) for trial in within]))


def _spared(trial: TrialRecord, region: str, action: str, now: datetime) -> TrialRecord:
    after = replace(trial, reason=f"{CANCELLED_IN}{region}", updated_at=now)
    if action == "cancel":
        return replace(after, state=TrialState.CANCELLED)
    return replace(after, priority=trial.priority - 1)


def _known(record: ExperimentRecord, trials: Sequence[TrialRecord]) -> Iterator[Known]:
    alone = {
        policy.name for policy in record.policies if policy.source is not None or not is_judgement_rule(policy.rule)
    }
    for trial in trials:
        by = (trial.reason or "").removeprefix("stopped by ").partition("@")[0]
        stopped = trial.state in (TrialState.STOPPING, TrialState.STOPPED) and (trial.reason or "").startswith(
            "stopped by"
        )
        if stopped and by in alone:
            yield Known(trial.hyperparameters, failed=True)
        elif trial.state in (TrialState.COMPLETED, TrialState.STOPPED):
            yield Known(trial.hyperparameters, failed=False)


def _factors(trials: Sequence[TrialRecord]) -> list[str]:
    """The hyperparameters that differ between trials."""
    values: dict[str, set[str]] = {}
    for trial in trials:
        for name, value in trial.hyperparameters.items():
            values.setdefault(name, set()).add(repr(value))
    return sorted(name for name, different in values.items() if len(different) > 1)

"""Reads waiting trials page by page: a grid of thousands is not read whole to start the next few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, groupby

from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.store import TrialPlace, TrialStore

PAGE = 25


@dataclass(frozen=True, slots=True)
class WaitingTrials:
    """The waiting trials of each experiment in order, read when they are asked for.

    The trials that one upload recorded lie side by side in the store. So the first page of an upload leads to the next
    upload's first page, and the rest of it is read only when its experiment's turn comes.
    """

    store: TrialStore
    page: int = PAGE

    def queues(self) -> dict[str, Iterator[TrialRecord]]:
        """One query for each upload with waiting trials."""
        found: dict[str, list[Iterator[TrialRecord]]] = {}
        after: TrialPlace | None = None
        while trials := self.store.trials_in(TrialState.WAITING, limit=self.page, after=after):
            for upload, members in groupby(trials, key=_upload):
                found.setdefault(upload.experiment, []).append(iter(list(members)))
            last = trials[-1]
            if len(trials) == self.page:
                found[last.experiment].append(self._rest(TrialPlace.of(last)))
            after = _upload(last)
        return {experiment: chain.from_iterable(runs) for experiment, runs in found.items()}

    def _rest(self, after: TrialPlace) -> Iterator[TrialRecord]:
        """The trials that wait after a trial and were recorded with it."""
        upload = after.behind_its_upload()
        while trials := self.store.trials_in(TrialState.WAITING, limit=self.page, after=after):
            mine = [trial for trial in trials if _upload(trial) == upload]
            yield from mine
            if len(mine) < self.page:
                return
            after = TrialPlace.of(mine[-1])


def _upload(trial: TrialRecord) -> TrialPlace:
    return TrialPlace.of(trial).behind_its_upload()

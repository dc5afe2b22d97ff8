"""Sends an experiment's digest, once, when all its trials are over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from gridwatch.alerts.digest import Ended, digest, digest_id, is_over
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.domain.alerts import AlertRecord
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.trials import TrialRecord
from gridwatch.savings.prices import PriceTable
from gridwatch.state.store import StateStore
from gridwatch.state.unreadable import if_readable
from gridwatch.storage.report_store import ReportPlace
from gridwatch_rules.clock import Clock
from gridwatch_rules.status import is_final

if TYPE_CHECKING:
    from gridwatch_rules.judgement.hindsight import Hindsight


PATIENCE = timedelta(hours=1)  # a message that fails to the last takes most of it
LOOK_AGAIN_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Digester:
    store: StateStore
    alerts: AlertOutbox
    clock: Clock
    prices: Callable[[], PriceTable] = PriceTable.built_in
    find_report: Callable[[str], ReportPlace | None] = lambda _: None

    def digest(self, name: str) -> AlertRecord | None:
        """Ask for the experiment's digest; None when the experiment is not over, or is not one of ours.

        None too while rules have no final status for a job that has just ended, or nobody has acted on one: then it is
        checked again a minute later.
        """
        experiment = self.store.get_experiment(name)
        if experiment is None:
            return None
        asked = self.store.get_alert(digest_id(experiment))
        if asked is not None:
            return self.alerts.ask(asked)
        trials = self.store.list_trials(name)
        if not is_over(experiment, trials, self.store.list_tunings(name)):
            return None
        reactions = [each for trial in trials for each in self.store.list_reactions(trial.job_name)]
        if self._is_unsettled(trials, reactions):
            self.alerts.ask_digest(name, delay_seconds=LOOK_AGAIN_SECONDS)
            return None
        ended = Ended(
            experiment=experiment,
            trials=trials,
            reactions=reactions,
            held=list(self._held(name)),
            report=self.find_report(name),
            shadows=self._shadows(experiment, trials, reactions),
            evaluations=[each for trial in trials for each in self.store.list_rule_evaluations(trial.job_name)],
        )
        return self.alerts.ask(digest(ended, self.prices(), self.clock.now()))

    def _is_unsettled(self, trials: Sequence[TrialRecord], reactions: Sequence[ReactionRecord]) -> bool:
        """Whether verdicts or reactions are still to come; this ends after a while, because one may never come."""
        done = {(each.job_name, each.rule_name) for each in reactions if each.carried_out_at is not None}
        since = self.clock.now() - PATIENCE
        return any(not self._is_settled(trial, done) for trial in trials if trial.updated_at > since)

    def _is_settled(self, trial: TrialRecord, done: Set[tuple[str, str]]) -> bool:
        if trial.status is None:
            return True  # it never had a job
        records = self.store.list_rule_evaluations(trial.job_name)
        job = if_readable(lambda: self.store.get_job(trial.job_name))
        known = {record.rule_name for record in records}
        if job is not None and any(policy.name not in known for policy in job.policies):
            return False
        return all(
            is_final(each.status) and (not each.needs_reaction or (each.job_name, each.rule_name) in done)
            for each in records
        )

    def _shadows(
        self, experiment: ExperimentRecord, trials: Sequence[TrialRecord], reactions: Sequence[ReactionRecord]
    ) -> Sequence[Hindsight]:
        if not any(policy.shadow for policy in experiment.policies):
            return ()
        from deliver_alert.shadows import shadows  # noqa: PLC0415  takes as long to import as the rest

        return list(shadows(self.store, experiment, trials, reactions))

    def _held(self, name: str) -> Iterator[AlertRecord]:
        """Alerts about the experiment that wait in a gate."""
        for gate in self.store.untold_gates():
            for alert_id in gate.collected:
                alert = if_readable(partial(self.store.get_alert, alert_id))
                if alert is not None and alert.experiment == name:
                    yield alert

"""Tell how an experiment ended, once, when all its trials are over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from gridwatch.alerts.digest import Ended, digest, digest_id, is_over
from gridwatch.alerts.held import collected_by
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.domain.alerts import AlertRecord
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.trials import TrialRecord
from gridwatch.savings.prices import PriceTable
from gridwatch.state.job_records import JobRecords, records_of_trials
from gridwatch.state.store import StateStore
from gridwatch.storage.report_shelf import ReportPlace
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
        """Ask for the experiment's digest; None when it is not over, or not one of ours.

        None too while rules have not said their last word on a job that has just ended, or nobody has acted on it:
        then it is looked at again a minute later.
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
        # From an index, which shows late what was written: then it is looked at again, as what is not settled.
        records = records_of_trials(self.store, trials)
        reactions = [each for trial in trials for each in records[trial.job_name].reactions]
        if self._is_unsettled(trials, records):
            self.alerts.ask_digest(name, delay_seconds=LOOK_AGAIN_SECONDS)
            return None
        ended = Ended(
            experiment=experiment,
            trials=trials,
            reactions=reactions,
            held=list(self._held(name)),
            report=self.find_report(name),
            shadows=self._shadows(experiment, trials, reactions),
            evaluations=[each for trial in trials for each in records[trial.job_name].evaluations],
        )
        return self.alerts.ask(digest(ended, self.prices(), self.clock.now()))

    def _is_unsettled(self, trials: Sequence[TrialRecord], records: Mapping[str, JobRecords]) -> bool:
        """Whether verdicts or reactions are on their way; not for ever, because one may never come."""
        since = self.clock.now() - PATIENCE
        # Without a status SageMaker never had a job.
        recent = (trial for trial in trials if trial.updated_at > since and trial.status is not None)
        return any(not _is_settled(records[trial.job_name]) for trial in recent)

    def _shadows(
        self, experiment: ExperimentRecord, trials: Sequence[TrialRecord], reactions: Sequence[ReactionRecord]
    ) -> Sequence[Hindsight]:
        if not any(policy.shadow for policy in experiment.policies):
            return ()
        from deliver_alert.shadows import shadows  # noqa: PLC0415  takes as long to import as the rest

        return list(shadows(self.store, experiment, trials, reactions))

    def _held(self, name: str) -> Iterator[AlertRecord]:
        """Alerts about the experiment that wait in a gate."""
        held = [alert_id for gate in self.store.untold_gates() for alert_id in collected_by(self.store, gate)]
        return (alert for alert in self.store.get_alerts(held) if alert.experiment == name)


def _is_settled(records: JobRecords) -> bool:
    """Whether all rules of a job that is over have said their last word, and all that follows from it is done."""
    known = {record.rule_name for record in records.evaluations}
    if records.job is not None and any(policy.name not in known for policy in records.job.policies):
        return False
    done = {each.rule_name for each in records.reactions if each.carried_out_at is not None}
    return all(
        is_final(each.status) and (not each.needs_reaction or each.rule_name in done) for each in records.evaluations
    )

"""Reacts to the statuses of a job's rules: decides, stops, marks, asks for an alert, once for each job and rule.

The steps are in an order in which each may be repeated: the stop and the reaction are claimed under conditions, the
outcome is recorded at once, and the reaction is finished last. A call that dies anywhere leaves a claimed reaction,
which the next delivery carries out as it was decided, even when the job has moved on since; a lease keeps two calls
from doing so at once. The estimate of what a stop saves is made after its outcome is recorded, within a time of its
own, and by the first call only: whatever becomes of it, people are told.

Powertools' idempotency would add nothing here: it remembers that an event was handled, while what must happen once is
the reaction to a rule, which many different events ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.alerts.rule_issue import Reacted, rule_issue
from gridwatch.alerts.rule_saw_nothing import rule_saw_nothing
from gridwatch.domain.descriptions import JobDescription
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.rules import Action, RulePolicy
from gridwatch.domain.savings import SavingsRecord
from gridwatch.events.rule_status import JobRuleStatuses
from gridwatch.events.rule_status_publisher import record_statuses
from gridwatch.launch.ports import TrainingService
from gridwatch.launch.watching import WATCH_TAG
from gridwatch.savings.prices import PriceTable
from gridwatch.savings.sparing import OpenTensors, Siblings, Sparing
from gridwatch.state.store import ConflictError, StateStore
from gridwatch.state.unreadable import if_readable
from gridwatch.storage.layout import s3_uri, tensor_prefix
from gridwatch.verdicts.audit import is_audited
from gridwatch.verdicts.decision import FREE, NOT_STOPPED, WITHDRAWN, Decision, Response, Restraint, decide
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import GridwatchError, NotFoundError, PermanentError
from gridwatch_rules.rules.status_change import StatusChange
from gridwatch_rules.status import RuleStatus
from react_to_finding.estimating import Saved, saved_by
from react_to_finding.regions import RegionKeeper
from react_to_finding.stopping import RESERVE, StopOutcome, Stopper

PROTECT_TAG = "gridwatch:protect"  # on a training job: it is never stopped, unless the value is "false"
LEASE = timedelta(seconds=90)  # longer than an invocation lasts, shorter than a message stays away
IN_OTHER_HANDS = "in the hands of another invocation"
_TOLD = (RuleStatus.ISSUES_FOUND, RuleStatus.ERROR, RuleStatus.SAW_NOTHING)


@dataclass(frozen=True, slots=True)
class ObservedJob:
    """The job as SageMaker shows it now: without a description when it is gone, or when its owner has withdrawn it from
    us.
    """

    description: JobDescription | None
    watched: bool
    withdrawn: bool = False

    @property
    def status(self) -> str | None:
        if self.withdrawn:
            return WITHDRAWN
        return self.description.status if self.description else None


@dataclass(frozen=True, slots=True)
class Reaction:
    """What was done about one rule; `outcome` as recorded. `repeated`: not by this call. `savings`: those of
    our stop.
    """

    rule_name: str
    response: Response
    outcome: str
    repeated: bool = False
    savings: SavingsRecord | None = None
    not_estimated: Exception | None = None  # why there are no savings


@dataclass(frozen=True, slots=True, kw_only=True)
class Reactor:
    """Reacts to rules' statuses. `seconds_left`: how long this invocation may still take; `jitter`: a random number of
    seconds, at most that many.
    """

    store: StateStore
    training: TrainingService
    alerts: AlertOutbox
    clock: Clock
    name_prefix: str
    artifacts_bucket: str
    seconds_left: Callable[[], float]
    jitter: Callable[[float], float]
    open_tensors: OpenTensors
    prices: Callable[[], PriceTable] = PriceTable.built_in
    open_log: OpenTensors | None = None
    siblings: Siblings | None = None  # kept between invocations

    def react(self, statuses: JobRuleStatuses) -> Iterator[Reaction]:
        """Yield the reaction to each rule. Doing it again changes nothing. Raises GridwatchError or ConflictError after
        all rules had their turn: the event must come again.
        """
        told = [change for change in statuses.changes if change.status in _TOLD]
        if not told and not statuses.managed:
            return
        job = self.store.get_job(statuses.job_name)
        if job is None:
            return
        if statuses.managed:
            record_statuses(self.store, job, statuses.changes, now=self.clock.now())
        if told:
            yield from self._react_to_each(job, told)

    def _react_to_each(self, job: JobRecord, told: Sequence[StatusChange]) -> Iterator[Reaction]:
        done = {known.rule_name for known in self.store.list_reactions(job.job_name) if known.carried_out_at}
        pending = [change for change in told if change.rule_name not in done]
        for change in told:
            if change.rule_name in done:  # recorded, or put on the bus, once more
                self.store.close_finding(job.job_name, change.rule_name)
        if not pending:
            return
        # SageMaker's events come late and out of order: what the job does now, only SageMaker knows.
        seen = self._seen(job)
        failures: list[GridwatchError | ConflictError] = []
        for change in pending:
            try:
                yield self._react(job, change, seen)
            except (GridwatchError, ConflictError) as error:  # one rule's; the others' must not wait for it
                failures.append(error)
        if failures:
            raise failures[0]

    def _react(self, job: JobRecord, change: StatusChange, seen: ObservedJob) -> Reaction:
        now, description = self.clock.now(), seen.description
        decided = self._decided(job, change, seen)
        claimed = self.store.claim_reaction(decided, until=now + LEASE)
        response = Response(claimed.action)
        if claimed is not decided and not self.store.lease_reaction(claimed, now=now, until=now + LEASE):
            # Done, or being done by another invocation, whose own message comes again if it dies.
            return Reaction(change.rule_name, response, claimed.outcome or IN_OTHER_HANDS, repeated=True)
        outcome = self._outcome(job, change, claimed, description)
        stopped = isinstance(outcome, StopOutcome) and outcome.is_ours
        spared = stopped or response is Response.WOULD_STOP
        saved = Saved()
        if spared and claimed.outcome is None:
            claimed = replace(claimed, outcome=outcome)
            self.store.keep_reaction(claimed, until=self.clock.now() + LEASE)
            saved = self._savings(job, change, claimed, description)
            claimed = replace(claimed, savings=saved.record)
        alert_id = self._ask(job, change, claimed, outcome, description) if response.tells_people else None
        if stopped:
            self._look_at_regions(job)
        done = replace(claimed, outcome=outcome, alert_id=alert_id, carried_out_at=self.clock.now())
        self.store.finish_reaction(done)
        self.store.close_finding(job.job_name, change.rule_name)
        savings = saved.record if stopped else None
        return Reaction(change.rule_name, response, outcome, savings=savings, not_estimated=saved.error)

    def _outcome(
        self, job: JobRecord, change: StatusChange, claimed: ReactionRecord, description: JobDescription | None
    ) -> str:
        """Carry out what was decided, unless an earlier call did, and say what came of it."""
        response = Response(claimed.action)
        if response is Response.STOP:
            if claimed.outcome is not None:
                return StopOutcome(claimed.outcome)
            return self._stopper.stop(job, change, description)
        return NOT_STOPPED if response in (Response.ALERT, Response.WOULD_STOP) else "recorded"

    def _look_at_regions(self, job: JobRecord) -> None:
        """Look for doomed regions. The reaction does not depend on it: damaged records may keep the regions unknown."""
        keeper = RegionKeeper(store=self.store, alerts=self.alerts, clock=self.clock)
        if_readable(lambda: keeper.look(job.experiment))

    def _decided(self, job: JobRecord, change: StatusChange, seen: ObservedJob) -> ReactionRecord:
        policies = {policy.name: policy for policy in job.policies}
        policy = policies.get(change.rule_name)
        on_issue = policy.on_issue if policy else None
        restraint = self._restraint(job, seen, policy)
        decision = decide(seen.status, change.status, on_issue, restraint)
        if decision.response is Response.STOP:
            first = self.store.claim_stop(job.job_name, change.rule_name)
            if first != change.rule_name:
                decision = Decision(Response.ALERT, f"the rule {first} stops the training job already")
        return ReactionRecord(
            job_name=job.job_name,
            rule_name=change.rule_name,
            experiment=job.experiment,
            trial_id=job.trial_id,
            action=decision.response,
            reason=decision.reason,
            outcome=None,
            alert_id=None,
            finding=change.finding.as_json() if change.finding else None,
            decided_at=self.clock.now(),
            audited=decision.response is Response.WOULD_STOP and restraint.audited and not restraint.shadow,
        )

    def _restraint(self, job: JobRecord, seen: ObservedJob, policy: RulePolicy | None) -> Restraint:
        """What keeps a stop from being made, looked up at this moment and only for rules that stop."""
        if policy is None or policy.on_issue is not Action.STOP or seen.description is None:
            return FREE
        tags = self.training.job_tags(seen.description.arn)
        return Restraint(
            withdrawn=seen.watched and WATCH_TAG not in tags,
            job_protected=tags.get(PROTECT_TAG, "false").lower() != "false",
            rule_protected=policy.protect,
            shadow=policy.shadow,
            audited=is_audited(job.experiment, job.trial_id, share=policy.audit_share, seed=policy.audit_seed),
            paused=self._stopper.paused(),
        )

    def _savings(
        self, job: JobRecord, change: StatusChange, claimed: ReactionRecord, description: JobDescription | None
    ) -> Saved:
        """What the stop saves from the time when it was decided. People are told in time, with or without it."""
        if description is None:
            return Saved()

        def estimate() -> SavingsRecord | None:
            sparing = Sparing(self.store, self.open_tensors, self.prices(), self.open_log, self.siblings)
            return sparing.of(job, description, step=change.step, at=claimed.decided_at)

        return saved_by(estimate, seconds=self.seconds_left() - RESERVE)

    def _ask(
        self,
        job: JobRecord,
        change: StatusChange,
        claimed: ReactionRecord,
        outcome: str,
        description: JobDescription | None,
    ) -> str:
        if change.status is RuleStatus.SAW_NOTHING:
            experiment = if_readable(lambda: self.store.get_experiment(job.experiment))
            upload = experiment.spec_version if experiment else ""
            return self.alerts.ask(
                rule_saw_nothing(job=job, upload=upload, change=change, now=self.clock.now())
            ).alert_id
        alert = rule_issue(
            job=job,
            job_arn=description.arn if description else "",
            change=change,
            reacted=Reacted(
                decision=Decision(Response(claimed.action), claimed.reason),
                outcome=outcome,
                stopped=isinstance(outcome, StopOutcome) and outcome.is_ours,
                savings=claimed.savings,
                audited=claimed.audited,
            ),
            tensors_uri=job.tensors_uri or s3_uri(self.artifacts_bucket, tensor_prefix(job.job_name)),
            now=self.clock.now(),
        )
        return self.alerts.ask(alert).alert_id

    @property
    def _stopper(self) -> Stopper:
        return Stopper(
            store=self.store,
            training=self.training,
            clock=self.clock,
            name_prefix=self.name_prefix,
            seconds_left=self.seconds_left,
            jitter=self.jitter,
        )

    def _seen(self, job: JobRecord) -> ObservedJob:
        try:
            return ObservedJob(self.training.describe_job(job.job_name), watched=job.watched)
        except NotFoundError:
            return ObservedJob(None, watched=job.watched)
        except PermanentError as error:
            # Jobs of others may be seen while they carry the tag.
            if job.watched and error.code in ("AccessDenied", "AccessDeniedException"):
                return ObservedJob(None, watched=True, withdrawn=True)
            raise

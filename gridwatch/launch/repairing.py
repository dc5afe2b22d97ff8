"""Trains a stopped trial once more with one change: within bounds, decided once, linked to its parent.

The decision is written on the stopped trial under a condition before anything follows from it, and the repair's
identity is a function of the trial and the change. So after a crash or a repeated event there is still one decision and
one repair.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.alerts.repair import repair_decided
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.grid.identity import LENGTH
from gridwatch.grid.names import renamed
from gridwatch.spec.repair_change import changed
from gridwatch.state.accepted_spec import Repair, spec_of
from gridwatch.state.counting import number_of_trials
from gridwatch.state.open_experiments import reopen
from gridwatch.state.store import StateStore
from gridwatch.verdicts.decision import NOT_STOPPED_PAUSED, Response
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import PermanentError
from gridwatch_rules.rules.metrics import is_score
from gridwatch_rules.wording import counted

NOT_OURS = frozenset({"already over", "the training job is no longer there", NOT_STOPPED_PAUSED})
_REPAIRED = "repaired by "


class CheckpointStore(Protocol):
    """The checkpoints of trials, named by experiment and trial. Raises gridwatch_rules.failures errors."""

    def rounds(self, trial: tuple[str, str]) -> Sequence[int]:
        """The rounds for which the trial's jobs left a checkpoint."""
        ...

    def hand_on(self, trial: tuple[str, str], round_: int, to: tuple[str, str]) -> None:
        """Copy that checkpoint to where the other trial's job will find it when it starts."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairer:
    store: StateStore
    checkpoints: CheckpointStore
    alerts: AlertOutbox
    clock: Clock

    def repair(self, trial: TrialRecord) -> TrialRecord | None:
        """The repair of a stopped trial, recorded as waiting; None when there is none.

        Repeating it changes nothing. Raises TransientError or ConflictError, after which the event must come again.
        """
        experiment = self.store.get_experiment(trial.experiment)
        wanted = spec_of(experiment).repair if experiment else None
        if experiment is None or not wanted or trial.state is not TrialState.STOPPED or trial.parent is not None:
            return None
        reaction = self._stop(trial, wanted.rules)
        if reaction is None or trial.trial_id not in experiment.trial_ids:
            return None
        child_id = repair_id(trial.trial_id, wanted)
        decided = trial
        if trial.repair is None:
            obstacle = self._obstacle(experiment)
            decision = f"not repaired: {obstacle}" if obstacle else f"{_REPAIRED}{child_id}"
            decided = replace(trial, repair=decision, updated_at=self.clock.now())
            self.store.update_trial(decided, expected=trial)
        repaired = decided.repair == f"{_REPAIRED}{child_id}"
        if repaired:
            reopen(self.store, experiment)
        child = self._begin(decided, child_id, wanted, reaction) if repaired else None
        alert = repair_decided(parent=decided, child=child, rule=reaction.rule_name, now=self.clock.now())
        self.alerts.ask(alert)
        return child

    def _stop(self, trial: TrialRecord, rules: Sequence[str]) -> ReactionRecord | None:
        """The reaction that stopped the job. One that was claimed and never finished did stop it: the job says so."""
        for reaction in self.store.list_reactions(trial.job_name):
            stops = reaction.action == Response.STOP and reaction.outcome not in NOT_OURS
            if stops and reaction.rule_name in rules:
                return reaction
        return None

    def _obstacle(self, experiment: ExperimentRecord) -> str | None:
        """The reason why there may be no repair."""
        switch = self.store.get_stopping()
        if switch is not None and switch.paused:
            return f"stopping is paused, by {switch.by}: {switch.reason}"
        hold = self.store.get_hold(experiment.name)
        if hold is not None and hold.limit is not None and hold.spec_version == experiment.spec_version:
            return f"{hold.limit} is reached: {hold.reason}"
        most = spec_of(experiment).limits.trials
        if most is not None and number_of_trials(self.store, experiment.name) >= most:
            return f"limits.trials allows {counted(most, 'trial')}"
        return None

    def _begin(self, parent: TrialRecord, child_id: str, wanted: Repair, reaction: ReactionRecord) -> TrialRecord:
        kept = self.store.get_trial(parent.experiment, child_id)
        if kept is not None:
            return kept
        name = renamed(parent.job_name, parent.trial_id, parent.attempt, child_id)
        start = self._checkpoint(parent, child_id, reaction) if wanted.resume else "from the start"
        now, changing = self.clock.now(), wanted.hyperparameter
        before = parent.hyperparameters.get(changing)
        after = changed(before, wanted.times, wanted.becomes)
        child = TrialRecord(
            experiment=parent.experiment,
            trial_id=child_id,
            index=parent.index,
            attempt=1,
            state=TrialState.WAITING,
            job_name=name,
            hyperparameters={**parent.hyperparameters, changing: after},
            priority=parent.priority,
            created_at=now,
            updated_at=now,
            instance_type=parent.instance_type,
            instance_count=parent.instance_count,
            further_machines=parent.further_machines,
            settings=parent.settings,
            repeat=parent.repeat,
            parent=parent.trial_id,
            change=f"{changing} {'not given' if before is None else before} -> {after}, {start}",
        )
        self.store.add_trials([child])
        return self.store.get_trial(parent.experiment, child_id) or child

    def _checkpoint(self, parent: TrialRecord, child_id: str, reaction: ReactionRecord) -> str:
        """Where the repair begins, in words; the checkpoint has then been copied there."""
        good, place = last_good_step(reaction.finding), (parent.experiment, parent.trial_id)
        try:
            rounds = [each for each in self.checkpoints.rounds(place) if good is not None and each <= good]
            if not rounds:
                return "from the start, as no checkpoint is older than the fault"
            self.checkpoints.hand_on(place, max(rounds), (parent.experiment, child_id))
        except PermanentError as error:
            return f"from the start, as the checkpoints cannot be read ({error.code or error})"
        return f"from the checkpoint of round {max(rounds)}"


def repair_id(parent_id: str, wanted: Repair) -> str:
    """The repair's identity, made from the trial and the change: the same whoever asks and however often."""
    change = {"hyperparameter": wanted.hyperparameter, "times": wanted.times, "becomes": wanted.becomes}
    canonical = json.dumps({"repairs": parent_id, **change}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:LENGTH]


def last_good_step(finding: Mapping[str, Any] | None) -> int | None:
    """The step of the best value that the rule saw, since what came after led to the finding; None when it is not
    known.
    """
    curve = (finding or {}).get("curve")
    if finding is None or not curve:
        return None
    points = [(float(value), int(step)) for step, value in zip(curve["steps"], curve["values"], strict=True)]
    finite = [(value, step) for value, step in points if math.isfinite(value)]
    if not finite:
        return None
    score = is_score(str(finding.get("tensor") or ""))
    value, _ = max(finite) if score else min(finite)
    return min(step for each, step in finite if each == value)

"""`gridwatch teardown`: removes an experiment from SageMaker Experiments, and its artifacts when asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

from gridwatch.cli.artifacts import artifact_keys, delete_objects
from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.looking.options import JsonOption
from gridwatch.cli.output import console, print_json, print_rows
from gridwatch.grid.names import PROCESSING_SUFFIX, experiment_entity, trial_entity
from gridwatch.launch.entities import is_further_of_another, sagemaker_experiments
from gridwatch.launch.tuning_tracking import OPEN
from gridwatch.launch.watching import EXPERIMENT_PREFIX
from gridwatch.state.store import ConflictError
from gridwatch_rules.clock import Clock
from gridwatch_rules.wording import counted

_DISASSOCIATE = "disassociate component"
_COMPONENT = "delete component"
_TRIAL = "delete trial"
_EXPERIMENT = "delete experiment"
_PATIENCE = 6  # times that a refusal which may pass is waited for, twice as long each time
_FIRST_WAIT = 0.5  # seconds
_PASSING = ("ThrottlingException", "TooManyRequestsException")
_NOT_YET = "ValidationException"  # of a trial whose components were disassociated a moment ago
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the teardown, in the order in which SageMaker accepts them."""

    action: str
    name: str
    trial: str | None = None  # of a disassociation

    @property
    def words(self) -> str:
        return f"{self.action} {self.name}" + (f" from {self.trial}" if self.trial else "")


def teardown(  # noqa: PLR0917  options of the command line
    context: typer.Context,
    experiment: Annotated[str, typer.Argument(help="Name of the experiment.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without, it is only said what would be done.")] = False,
    artifacts: Annotated[
        bool, typer.Option("--artifacts", help="Also delete its jobs' tensors, models, checkpoints and reports.")
    ] = False,
    rate: Annotated[float, typer.Option(min=0.1, max=20, help="Calls a second to SageMaker at most.")] = 4.0,
    as_json: JsonOption = False,
) -> None:
    """Remove an experiment's trial components, trials and experiment from SageMaker. Interrupted, call it again."""
    cloud = cloud_of(context)
    _refuse_unfinished(cloud, experiment)
    sagemaker = cloud.session.client("sagemaker")
    calls = Teardown(sagemaker, cloud.clock, rate)
    steps = calls.plan(*entities_of(cloud, experiment), own=own_trials(cloud, experiment))
    objects = artifact_keys(cloud, experiment) if artifacts else []
    if as_json and not yes:
        print_json({"steps": [step.words for step in steps], "objects": objects})
        return
    if not yes:
        _show(steps, objects)
        return
    for step in steps:
        calls.take(step)
    forget_further(cloud, experiment)
    delete_objects(cloud, objects)
    if as_json:
        print_json({"done": [step.words for step in steps], "deleted": objects})
    else:
        done = _counted(steps) or "nothing was left in SageMaker"
        console(stderr=True).print(f"{done}; {counted(len(objects), 'object')} deleted")


@dataclass(slots=True)
class Teardown:
    """Plans and takes the steps, at most `rate` calls a second. What is gone already counts as done."""

    sagemaker: Any
    clock: Clock
    rate: float

    def plan(self, *entities: str, own: Collection[str]) -> list[Step]:
        """The steps that are left, as SageMaker shows it now: components first, experiments last; empty when nothing is
        left.

        A trial that is not among the `own` ones is somebody else's: it stays, and its experiment with it. A component
        that also belongs to such a trial or to another experiment is disassociated and stays; so do those of processing
        jobs, which were there before.
        """
        found = {name: [each["TrialName"] for each in self._listed("trials", ExperimentName=name)] for name in entities}
        trials = [trial for each in found.values() for trial in each if trial in own]
        steps: list[Step] = []
        for trial in trials:
            for component in self._listed("trial_components", TrialName=trial):
                name = component["TrialComponentName"]
                steps.append(Step(_DISASSOCIATE, name, trial))
                others = [each["TrialName"] for each in self._listed("trials", TrialComponentName=name)]
                is_last = [each for each in trials if each in others][-1:] == [trial]
                if is_last and set(others) <= set(trials) and not name.endswith(PROCESSING_SUFFIX):
                    steps.append(Step(_COMPONENT, name))
            steps.append(Step(_TRIAL, trial))
        empty = [name for name, there in found.items() if set(there) <= set(own) and (there or self._exists(name))]
        return steps + [Step(_EXPERIMENT, name) for name in empty]

    def take(self, step: Step) -> None:
        """Take one step. Raises CliError when SageMaker refuses it for good."""
        call: Callable[[], Any] = {
            _DISASSOCIATE: lambda: self.sagemaker.disassociate_trial_component(
                TrialComponentName=step.name, TrialName=step.trial
            ),
            _COMPONENT: lambda: self.sagemaker.delete_trial_component(TrialComponentName=step.name),
            _TRIAL: lambda: self.sagemaker.delete_trial(TrialName=step.name),
            _EXPERIMENT: lambda: self.sagemaker.delete_experiment(ExperimentName=step.name),
        }[step.action]
        wait = _FIRST_WAIT
        for left in reversed(range(_PATIENCE)):
            self._pause()
            try:
                call()
            except self.sagemaker.exceptions.ClientError as error:
                code = error.response["Error"]["Code"]
                if code == "ResourceNotFound":
                    return
                if not left or (code not in _PASSING and code != _NOT_YET):
                    why = error.response["Error"]["Message"]
                    raise CliError(f"{step.words}: {why}; call it again to go on") from error
                self.clock.sleep(wait)
                wait *= 2
            else:
                return

    def _listed(self, what: str, **by: str) -> Iterator[dict[str, Any]]:
        """The entities of a listing; nothing when the parent entity is gone."""
        summaries = "".join(word.capitalize() for word in what.split("_"))[:-1] + "Summaries"
        try:
            for page in self.sagemaker.get_paginator(f"list_{what}").paginate(**by):
                self._pause()
                yield from page[summaries]
        except self.sagemaker.exceptions.ResourceNotFound:
            return

    def _exists(self, entity: str) -> bool:
        try:
            self.sagemaker.describe_experiment(ExperimentName=entity)
        except self.sagemaker.exceptions.ResourceNotFound:
            return False
        return True

    def _pause(self) -> None:
        self.clock.sleep(1 / self.rate)


def entities_of(cloud: Cloud, experiment: str) -> tuple[str, ...]:
    """The SageMaker experiments that hold an experiment's trials, even if its spec was never accepted; none for watched
    jobs.
    """
    if experiment.startswith(EXPERIMENT_PREFIX):
        return ()
    record = cloud.store.get_experiment(experiment)
    known = sagemaker_experiments(cloud.store, record) if record else ()
    first = experiment_entity(cloud.deployment.name_prefix, experiment)
    return known or (() if is_further_of_another(cloud.store, experiment, first) else (first,))


def own_trials(cloud: Cloud, experiment: str) -> frozenset[str]:
    """The names that SageMaker knows the experiment's recorded trials by."""
    prefix = cloud.deployment.name_prefix
    return frozenset(trial_entity(prefix, experiment, each.trial_id) for each in cloud.store.list_trials(experiment))


def forget_further(cloud: Cloud, experiment: str) -> None:
    """Forget the further SageMaker experiments, all of which are gone: new uploads begin in the first again, unless a
    launcher was faster.
    """
    record = cloud.store.get_tracking(experiment)
    if record is not None and len(record.entities) > 1:
        first = replace(record, entities=record.entities[:1], updated_at=cloud.clock.now())
        with suppress(ConflictError):
            cloud.store.save_tracking(first)


def _refuse_unfinished(cloud: Cloud, experiment: str) -> None:
    if cloud.store.get_experiment(experiment) is None:
        raise CliError(f"there is no experiment {experiment!r} (`gridwatch experiments` lists them)")
    active = [trial for trial in cloud.store.list_trials(experiment) if not trial.state.is_finished]
    if active:
        raise CliError(
            f"{len(active)} trials of {experiment} are not over: wait for them, or `gridwatch stop {experiment}` first"
        )
    if open_jobs := [tuning.name for tuning in cloud.store.list_tunings(experiment) if tuning.state in OPEN]:
        raise CliError(
            f"the tuning job {open_jobs[0]} is not over and may launch more: wait for it, or "
            f"`gridwatch stop {experiment}` first"
        )
    if unreadable := [place for place in cloud.unreadable if place.startswith(f"experiment#{experiment} ")]:
        raise CliError(
            f"the record {unreadable[0]} cannot be read, and nobody knows whether what it is about is over: "
            "see docs/operations.md, Records that cannot be read"
        )


def _show(steps: Sequence[Step], objects: Sequence[str]) -> None:
    rows = [{"step": number, "what": step.words} for number, step in enumerate(steps, 1)]
    print_rows(("step", "what"), rows[:_SHOWN], as_json=False, empty="nothing is left of it in SageMaker")
    out = console(stderr=True)
    if len(rows) > _SHOWN:
        out.print(f"… and {len(rows) - _SHOWN} more: {_counted(steps)}")
    if objects:
        out.print(f"{counted(len(objects), 'object')} in S3, the first {objects[0]}", markup=False)
    out.print("nothing was done: --yes does it")


def _counted(steps: Sequence[Step]) -> str:
    return ", ".join(f"{action} {count}" for action, count in Counter(step.action for step in steps).items())

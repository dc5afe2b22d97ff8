"""The plan of a spec: what it would launch, as a value. Making a plan launches nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from gridwatch.domain.rules import RulePolicy
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.grid.identity import TrialInputs, data_digest, trial_id
from gridwatch.grid.names import job_name
from gridwatch.grid.search import search_points
from gridwatch.launch.allowances import elsewhere, not_allowed
from gridwatch.launch.carrier import Carrier, HookUse, brought, hook_use, with_uses
from gridwatch.launch.deployment import Deployment
from gridwatch.launch.engine import (
    divided,
    engine_of,
    over_limits,
    own_fields,
    told_of_debugger,
    unmanaged,
)
from gridwatch.launch.hook import looks_at_every
from gridwatch.launch.images import NoImageError, UnknownRegionError, image_address
from gridwatch.launch.over_limits import refused_by_training, refused_by_tuning
from gridwatch.launch.parts.managed import collection_parameters
from gridwatch.launch.refusals import refusals, resolved
from gridwatch.launch.request import IMAGE, training_request, without_debugger
from gridwatch.launch.template import Inputs, build_template
from gridwatch.launch.tuning import MAX_ENVIRONMENT, environment_size, map_definitions, tuning_request
from gridwatch.spec.channels import channel_uri
from gridwatch.spec.checks.not_done import not_done
from gridwatch.spec.checks.tune import FRESH_JOBS, grid_size
from gridwatch.spec.imported import asked_collections, placed
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.parse import ParsedSpec, policies_of
from gridwatch.spec.parts.data import Channel
from gridwatch.spec.problems import Problem
from gridwatch.spec.search_space import INSTANCE_COUNT, INSTANCE_TYPE, SETTINGS, search_of
from gridwatch.spec.variants import once, variants

_NO_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)  # of a record that nobody keeps


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """A planned trial. `name` is the training job's; `hyperparameters` are the static ones and the point's, typed as in
    the spec, and `settings` the other fields that differ between trials (see gridwatch.spec.search_space).
    """

    index: int
    trial_id: str
    name: str
    hyperparameters: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    repeat: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan. `template` is what all the requests share (see gridwatch.launch.template).

    For a spec that is tuned, `tuning` is the CreateHyperParameterTuningJob request and the trials are not known yet:
    `examples` are the points at the ends of the ranges, for checks of what may come.
    """

    spec: ExperimentSpec
    trials: tuple[PlannedTrial, ...]
    template: Mapping[str, Any]
    policies: tuple[RulePolicy, ...]
    parallel_jobs: int  # as many as the spec wants, or fewer where a quota has no room for them
    warnings: tuple[Problem, ...]
    engine: str = "gridwatch"  # gridwatch, debugger or auto
    own_fields: Mapping[str, Any] = field(default_factory=dict)  # with auto: of the template without Debugger
    tuning: Mapping[str, Any] | None = None
    examples: tuple[PlannedTrial, ...] = ()
    hooks: tuple[HookUse, ...] = ()  # how the hook comes into the jobs, by algorithm
    own_hooks: tuple[HookUse, ...] = ()  # with auto: where Debugger is not there
    script_hook: bool | None = None  # whether the spec's own script makes any hook; None: nobody knows

    @property
    def carriers(self) -> tuple[Carrier, ...]:
        """What must be in S3 for the hook to come into the jobs."""
        return brought([*self.hooks, *self.own_hooks])

    @property
    def experiment(self) -> str:
        return self.spec.name

    @property
    def count(self) -> int:
        """The number of trials; for a tuning job, the most there can be."""
        tune = self.spec.tune
        if tune is None:
            return len(self.trials)
        return grid_size(tune) if tune.strategy == "grid" else tune.jobs or FRESH_JOBS

    @property
    def points(self) -> tuple[PlannedTrial, ...]:
        """The trials, or examples of them; never empty."""
        return self.trials or self.examples

    @property
    def trial_ids(self) -> tuple[str, ...]:
        return tuple(trial.trial_id for trial in self.trials)

    def without_debugger(self, warning: Problem) -> Plan:
        """The plan of the engine `auto` when Gridwatch evaluates the rules."""
        return replace(
            self,
            engine="gridwatch",
            template=without_debugger(self.template, self.own_fields),
            policies=unmanaged(self.policies),
            own_fields={},
            hooks=self.own_hooks or self.hooks,
            own_hooks=(),
            warnings=(*self.warnings, warning, *not_done(self.spec)),
        )


def _looking(spec: ExperimentSpec, policies: Sequence[RulePolicy]) -> tuple[RulePolicy, ...]:
    """The rules, each with the interval at which it looks at XGBoost's rounds."""
    if spec.algorithm.trained_with != "xgboost":
        return tuple(policies)
    collected = {name: collection_parameters(collection) for name, collection in spec.collect.items()}
    asked, finest = {**asked_collections(spec), **collected}, not spec.algorithm.is_own_xgboost
    finest = finest or spec.engine != "gridwatch"  # Debugger's hook saves what was asked for, and no more
    return tuple(replace(policy, every=looks_at_every(policy, asked, finest=finest)) for policy in policies)


def make_plan(parsed: ParsedSpec, deployment: Deployment, inputs: Inputs) -> Plan:
    """The plan of a spec. Raises SpecError when the deployment refuses it, its region has no image for it, or two of
    its points cannot be told apart.
    """
    spec = parsed.spec
    policies = _looking(spec, [resolved(policy, deployment) for policy in policies_of(spec)])
    named = once(each.placed(problem) for each in variants(spec) for problem in not_allowed(each.spec, deployment))
    away = tuple(elsewhere(spec, deployment))
    refused = [*refusals(policies, deployment), *named, *(away if deployment.is_known else ())]
    if refused:
        raise parsed.refuse(placed(spec, problem) for problem in refused)
    try:
        engine, told = engine_of(spec, deployment)
    except UnknownRegionError as error:
        raise parsed.refuse([Problem(path=("engine",), message=str(error), advice="engine: gridwatch")]) from error
    if engine != "gridwatch":
        policies = divided(spec, policies)
    try:
        template = build_template(spec, policies, deployment, inputs, managed=engine != "gridwatch")
        other = build_template(spec, unmanaged(policies), deployment, inputs) if engine == "auto" else {}
        tuning, hooks = _tuning(parsed, policies, deployment, inputs)
        trials = tuple(_trials(spec, deployment, template, inputs)) if tuning is None else ()
    except (UnknownRegionError, NoImageError) as error:
        raise parsed.refuse([Problem(path=("algorithm",), message=str(error))]) from error
    if tuning is None:
        hooks = (hook_use(spec, template, deployment, own=inputs.own_hook, engine=engine),)
        template = with_uses(template, hooks)
    own_hooks = (hook_use(spec, other, deployment, own=inputs.own_hook),) if other else ()
    if engine != "gridwatch" and (too_much := list(over_limits(template))):
        raise parsed.refuse(too_much)
    if len({trial.trial_id for trial in trials}) < len(trials):
        message = "two points of the grid have the same identity by chance"
        raise parsed.refuse([Problem(path=("grid",), message=message, advice="raise revision by one")])
    if too_large := list(_over_limits(spec, deployment, template, trials, tuning)):
        raise parsed.refuse(too_large)
    beside = told_of_debugger(spec, policies) if engine != "gridwatch" else ()
    return Plan(
        spec=spec,
        trials=trials,
        template=template,
        policies=policies,
        parallel_jobs=spec.limits.parallel_jobs,
        warnings=(*parsed.warnings, *away, *told, *beside),
        engine=engine,
        own_fields=own_fields(with_uses(other, own_hooks)) if other else {},
        tuning=tuning,
        examples=tuple(_examples(spec)) if tuning is not None else (),
        hooks=hooks,
        own_hooks=own_hooks,
        script_hook=inputs.hook,
    )


def _over_limits(
    spec: ExperimentSpec,
    deployment: Deployment,
    template: Mapping[str, Any],
    trials: tuple[PlannedTrial, ...],
    tuning: Mapping[str, Any] | None,
) -> Iterator[Problem]:
    """The limits that the whole first request exceeds: trials differ in hyperparameters, whose lengths are checked one
    by one.
    """
    if tuning is not None:
        yield from refused_by_tuning(spec, tuning)
        return
    prefix, bucket = deployment.name_prefix, deployment.artifacts_bucket
    for trial in trials[:1]:
        record = waiting_trial(trial, spec, _NO_MOMENT)
        request = training_request(template, record, name_prefix=prefix, artifacts_bucket=bucket)
        yield from once(refused_by_training(spec, request))


def waiting_trial(planned: PlannedTrial, spec: ExperimentSpec, now: datetime) -> TrialRecord:
    """The record of a trial that nobody has launched yet."""
    instance_type, instance_count = spec.resources.largest
    return TrialRecord(
        experiment=spec.name,
        trial_id=planned.trial_id,
        index=planned.index,
        attempt=1,
        state=TrialState.WAITING,
        job_name=planned.name,
        hyperparameters=planned.hyperparameters,
        priority=spec.priority,
        created_at=now,
        updated_at=now,
        instance_type=planned.settings.get(INSTANCE_TYPE, instance_type),
        instance_count=planned.settings.get(INSTANCE_COUNT, instance_count),
        further_machines=spec.resources.further_machines,
        settings=planned.settings,
        repeat=planned.repeat,
    )


def _trials(
    spec: ExperimentSpec, deployment: Deployment, template: Mapping[str, Any], inputs: Inputs
) -> Iterator[PlannedTrial]:
    channels = _channels(spec, deployment, inputs)
    usual_image = template["AlgorithmSpecification"]["TrainingImage"]
    # The archive's file name is the hash of what is in it; its bucket says nothing about the code.
    own = spec.algorithm.is_own_xgboost
    code_digest = PurePosixPath(deployment.xgboost_source_uri).name if own else inputs.source_digest
    for index, point in enumerate(search_points(search_of(spec))):
        settings = {name: value for name, value in point.values.items() if name in SETTINGS}
        varied = {name: value for name, value in point.values.items() if name not in SETTINGS}
        hyperparameters = {**spec.hyperparameters, **varied}
        machine = str(settings.get(INSTANCE_TYPE, spec.resources.image_type))
        image = image_address(spec.algorithm, deployment.region, machine, spec.distribution)
        identity = trial_id(
            TrialInputs(
                experiment=spec.name,
                image=image,
                code_digest=code_digest,
                hyperparameters=hyperparameters,
                channels=channels,
                repeat=point.repeat,
                revision=spec.revision,
                settings=settings,
            )
        )
        name = job_name(deployment.name_prefix, spec.name, identity, 1)
        told = settings if image == usual_image else {**settings, IMAGE: image}
        yield PlannedTrial(index, identity, name, hyperparameters, told, point.repeat)


def _tuning(
    parsed: ParsedSpec, policies: tuple[RulePolicy, ...], deployment: Deployment, inputs: Inputs
) -> tuple[Mapping[str, Any] | None, tuple[HookUse, ...]]:
    """The tuning job's request, if there is one, and how the hook comes into the jobs of its algorithms."""
    spec = parsed.spec
    if spec.tune is None:
        return None, ()
    definitions = [
        (each.name, each.spec, build_template(each.spec, policies, deployment, _inputs_of(each.spec, spec, inputs)))
        for each in variants(spec)
    ]
    request = tuning_request(
        spec,
        spec.tune,
        definitions,
        name_prefix=deployment.name_prefix,
        artifacts_bucket=deployment.artifacts_bucket,
        data=_channels(spec, deployment, inputs),
    )
    variables = environment_size(request)
    if variables > MAX_ENVIRONMENT:
        message = "the jobs of a tuning job have too many environment variables, of which rules and collect need some"
        problem = Problem(path=("tune",), message=message, found=str(variables), allowed=f"{MAX_ENVIRONMENT} in all",
                          advice="shorten algorithm.environment, rules or collect")  # fmt: skip
        raise parsed.refuse([problem])
    room = (MAX_ENVIRONMENT - variables) // len(definitions) - 1  # one is left for the pace
    hooks = tuple(
        hook_use(each, template, deployment, own=inputs.own_hook if each.algorithm == spec.algorithm else None,
                 algorithm=name, room=room)
        for name, each, template in definitions
    )  # fmt: skip
    # After the name was made: a newer hook makes no other tuning job.
    return map_definitions(request, lambda number, part: with_uses(part, hooks[number : number + 1])), hooks


def _inputs_of(variant: ExperimentSpec, spec: ExperimentSpec, inputs: Inputs) -> Inputs:
    """The trials' inputs: the packed script if it is the spec's own; other algorithms name archives."""
    return inputs if variant.algorithm == spec.algorithm else replace(inputs, source_uri=variant.algorithm.source)


def _examples(spec: ExperimentSpec) -> Iterator[PlannedTrial]:
    """For each algorithm the point of all lower ends and that of all upper ends."""
    for each in variants(spec):
        ranges = each.spec.tune.parameters if each.spec.tune is not None else {}
        for end in (0, -1):
            tuned = {name: given.ends[end] for name, given in ranges.items()}
            yield PlannedTrial(0, "", "", {**each.spec.hyperparameters, **tuned})


def _channels(spec: ExperimentSpec, deployment: Deployment, inputs: Inputs) -> dict[str, dict[str, str]]:
    """What the trials read, so that other data makes other trials. The way in which it reaches them is not included."""
    channels = {name: _channel(channel, deployment, inputs.etags[name]) for name, channel in spec.data.items()}
    if spec.start_from is not None:
        channels[spec.start_from.channel] = {"uri": inputs.model_uri or ""}
    return channels


def _channel(channel: Channel, deployment: Deployment, etags: Mapping[str, str]) -> dict[str, str]:
    said = {"content_type": channel.content_type} if channel.content_type is not None else {}
    reading = channel.model_dump(exclude_defaults=True, exclude={"uri", "content_type", "input_mode", "window"})
    special = {"reading": json.dumps(reading, sort_keys=True)} if reading else {}
    uri = channel_uri(channel.uri, deployment.experiments_bucket) if channel.uri is not None else ""
    return {"uri": uri, "data": data_digest(etags), **said, **special}

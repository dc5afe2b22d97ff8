"""What a spec asks for in vain: rules that can see nothing, quotas that bind, money and time that do not suffice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from gridwatch.judgement.catalogue import is_judgement_rule
from gridwatch.launch.hook import hook_document
from gridwatch.launch.parts.managed import collection_parameters
from gridwatch.preflight.notices import Level, Notice
from gridwatch.rules.catalogue import create_rule
from gridwatch.savings.money import money
from gridwatch.savings.prices import PriceTable
from gridwatch.spec.imported import asked_collections
from gridwatch.spec.parse import policies_of

if TYPE_CHECKING:
    from gridwatch.rules.rule import Rule
    from gridwatch.spec.model import ExperimentSpec

FRESH_ACCOUNT = 4  # instances over all training jobs, before anybody asked for more: quota L-00C91CB5
# What the XGBoost script writes by itself; any other collection exists only with patterns of its own.
_OF_XGBOOST = frozenset(
    {"metrics", "hyperparameters", "predictions", "labels", "feature_importance", "trees", "average_shap", "full_shap",
     "all", "default"}
)  # fmt: skip
_STRIDES = ("num_steps",)  # parameters that count steps of the training
_SAVED = ("patience", "patience_train", "patience_validation", "window", "steps")  # that count saved values


@dataclass(frozen=True, slots=True)
class Saving:
    """The steps at which a collection is saved."""

    interval: int
    start: int = 0
    end: int | None = None
    steps: tuple[int, ...] = ()

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Saving:
        steps = tuple(int(step) for step in parameters.get("save_steps", "").split(",") if step)
        end = int(parameters["end_step"]) if "end_step" in parameters else None
        interval = int(parameters.get("save_interval", 0 if steps else 500))  # Debugger's default
        return cls(interval, int(parameters.get("start_step", 0)), end, steps)

    def count(self, rounds: int) -> int:
        """How many of so many steps are saved."""
        end = min(rounds, self.end) if self.end is not None else rounds
        regular = range(-(-self.start // self.interval) * self.interval, end, self.interval) if self.interval else ()
        return len(set(regular) | {step for step in self.steps if step < rounds})


@dataclass(frozen=True, slots=True)
class Trials:
    """What the spec makes: `points` are the trials' hyperparameters."""

    points: Sequence[Mapping[str, Any]]
    instance_types: Sequence[str]

    @property
    def rounds(self) -> int | None:
        """Of the longest trial."""
        numbers = (point.get("num_round") for point in self.points)
        return max((number for number in numbers if isinstance(number, int)), default=None)


def check_spec(spec: ExperimentSpec, trials: Trials, prices: PriceTable, now: datetime) -> Iterator[Notice]:
    """What is asked for in vain; told before it is launched."""
    count = len(trials.points)
    yield from _quota(spec, count)
    groups = spec.resources.machines if spec.resources.groups else None
    for machines in [groups] if groups else [{kind: spec.resources.instance_count} for kind in trials.instance_types]:
        yield from _money(spec, machines, prices)
    yield from _duration(spec, count, now)
    yield from _intervals(spec, trials.rounds)


def _quota(spec: ExperimentSpec, trials: int) -> Iterator[Notice]:
    together = min(spec.limits.parallel_jobs, trials) * sum(spec.resources.machines.values())
    if together > FRESH_ACCOUNT:
        yield Notice(
            check="quota", field="limits.parallel_jobs", level=Level.NOTE,
            message=f"{together} instances at one time; an account has {FRESH_ACCOUNT} for training until it asks for "
            "more (quota L-00C91CB5), and for many instance types none",
        )  # fmt: skip


def _money(spec: ExperimentSpec, machines: Mapping[str, int], prices: PriceTable) -> Iterator[Notice]:
    """`machines`: of one job, by instance type."""
    budget = spec.limits.budget
    for kind in machines:
        if kind not in prices.per_hour:
            level = None if budget is not None else Level.NOTE
            message = f"the price of {kind} is not known, so that it counts as nothing"
            advice = "put it into settings/instance-prices.json of the experiments bucket"
            yield Notice(check="price", field="resources.instance_type", level=level, message=message, advice=advice)
    if budget is None:
        return
    hourly = sum(prices.per_hour.get(kind, 0.0) * count for kind, count in machines.items())
    cost = spec.resources.max_runtime / 3600 * hourly
    if cost > budget:
        yield Notice(
            check="price", field="limits.budget",
            message=f"one trial that takes all its time costs {money(cost, prices.currency)}, more than the "
            f"whole budget of {budget:g}",
            advice="lower resources.max_runtime to what a trial needs, or raise the budget",
        )  # fmt: skip


def _duration(spec: ExperimentSpec, trials: int, now: datetime) -> Iterator[Notice]:
    if spec.limits.deadline is None:
        return
    deadline = datetime.fromisoformat(spec.limits.deadline)
    if deadline <= now:
        message = f"the deadline was at {deadline:%Y-%m-%d %H:%M %Z}: nothing would be launched"
        yield Notice(check="duration", field="limits.deadline", message=message, level=Level.REFUSE)
        return
    rounds = -(-trials // spec.limits.parallel_jobs)
    longest = timedelta(seconds=spec.resources.max_runtime) * (rounds - 1)
    if now + longest > deadline:
        message = f"{trials} trials, {spec.limits.parallel_jobs} at one time, may take {longest} until the last begins"
        yield Notice(
            check="duration", field="limits.deadline", message=f"{message}, if each takes all its time",
            level=Level.NOTE,
        )  # fmt: skip


def _intervals(spec: ExperimentSpec, rounds: int | None) -> Iterator[Notice]:
    if rounds is None:
        return
    asked = {name: collection_parameters(collection) for name, collection in spec.collect.items()}
    document = hook_document({**asked_collections(spec), **asked}, policies_of(spec))
    saved = {each["CollectionName"]: each["CollectionParameters"] for each in document["CollectionConfigurations"]}
    for index, use in enumerate(spec.rules):  # those of Debugger's configuration look as often as it says
        if use.source is None and not is_judgement_rule(use.rule_class):
            rule = create_rule(use.rule_class, use.all_parameters)
            yield from _sight(_Look(f"rules[{index}]", rule, saved, rounds))


@dataclass(frozen=True, slots=True)
class _Look:
    field: str
    rule: Rule
    saved: Mapping[str, Mapping[str, str]]
    rounds: int

    def parameter(self, names: Sequence[str]) -> tuple[str, int] | None:
        """The parameter of these that asks for most."""
        values = [(name, getattr(self.rule.parameters, name, None)) for name in names]
        counted = [(name, value) for name, value in values if isinstance(value, int)]
        return max(counted, key=lambda each: each[1], default=None)


def _sight(look: _Look) -> Iterator[Notice]:
    required = look.rule.required
    wanted = [name for name in required.collections if name in look.saved]
    exist = [name for name in wanted if name in _OF_XGBOOST or "include_regex" in look.saved[name]]
    if not required.names_any:
        return
    if required.collections and not exist and not required.patterns and not required.everything:
        yield _unseen(
            look, f"looks at {', '.join(required.collections)}, of which XGBoost saves nothing",
            "name a collection that it saves (collection_names), or tensors (tensor_regex)",
        )  # fmt: skip
        return
    stride = look.parameter(_STRIDES)
    if stride is not None and stride[1] >= look.rounds:
        yield _unseen(
            look, f"looks every {stride[1]} steps ({stride[0]}), and no trial has more than {look.rounds} rounds",
            "lower it, or train longer",
        )  # fmt: skip
        return
    for name in exist:
        yield from _rhythm(look, name, Saving.of(look.saved[name]), stride)


def _rhythm(look: _Look, name: str, saving: Saving, stride: tuple[str, int] | None) -> Iterator[Notice]:
    count = saving.count(look.rounds)
    if count < 2 and look.rounds > 1:
        what = "nothing" if not count else "only one value"
        yield _unseen(look, f"sees {what} of {name} in {look.rounds} rounds", f"save it more often (collect.{name})")
    elif stride is not None and saving.interval > stride[1]:
        yield _unseen(
            look, f"looks every {stride[1]} steps ({stride[0]}) at {name}, which is saved every {saving.interval}: it "
            f"sees {count} values in {look.rounds} rounds",
            f"set collect.{name}.save_interval to {stride[1]} or less",
        )  # fmt: skip
    patience = look.parameter(_SAVED)
    if patience is not None and count >= 2 and patience[1] >= count:
        yield _unseen(
            look, f"needs more than {patience[1]} saved values ({patience[0]}), and {name} is saved {count} times in "
            f"{look.rounds} rounds",
            f"lower {patience[0]}, or save {name} more often",
        )  # fmt: skip


def _unseen(look: _Look, message: str, advice: str) -> Notice:
    return Notice(check="intervals", field=look.field, message=f"{look.rule.name} {message}", advice=advice)

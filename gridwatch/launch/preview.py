"""Upper bounds of what a plan takes: machine hours and their price, calls of SageMaker, and the quotas that bind. Pure.

How long a job takes is not known before one has run, so every bound assumes that each job takes all of
`resources.max_runtime` once. A bound is no expectation; `Preview.assumptions` says so to whoever reads the figures.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from gridwatch.launch.hook import CONFIG_KEY, log_repeats_hook
from gridwatch.launch.paces import Pacing, RequestedMachines
from gridwatch.launch.profiler import CONFIG_KEY as PROFILER_KEY
from gridwatch.pace import Log, LookPrices, Pace, looks_at_most
from gridwatch.savings.prices import PriceTable
from gridwatch.savings.watching import Watching, WatchingTable, cost_of_watching, look_prices
from gridwatch.spec.parse import normalized
from gridwatch.spec.variants import variants
from gridwatch.spec.xgboost.numbers import whole
from gridwatch.state.accepted_spec import AcceptedSpec

if TYPE_CHECKING:
    from gridwatch.launch.plan import Plan, PlannedTrial

# Quotas of a fresh account, "Amazon SageMaker endpoints and quotas", read 2026-11.
FRESH_SPOT_INSTANCES = 4  # across all spot training jobs (L-93958082)
FRESH_INSTANCES_PER_JOB = 20  # (L-622CFD70)
FRESH_VOLUME_GB = 1_024  # of an instance
FRESH_RUNTIME = 432_000  # seconds, of one job
CREATE_PER_SECOND = 1.0  # CreateTrainingJob, not adjustable


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The bounds of a plan. `seconds` is until the last job is over. `cost` is the machines', in `currency`; None when
    a price is not known, which `unpriced` names. `launch_seconds` is the time to create the jobs. `look_seconds` is the
    longest time between two looks at a job; `looks_cost`, part of `watching`, is the cost of all looks at running jobs.
    """

    seconds: int
    instance_hours: float
    cost: float | None
    currency: str
    unpriced: tuple[str, ...]
    launch_seconds: int
    quotas: tuple[str, ...]
    assumptions: tuple[str, ...]
    watching: Watching
    look_seconds: float
    looks_cost: float

    def as_document(self) -> dict[str, Any]:
        return {
            "at_most_seconds": self.seconds,
            "at_most_instance_hours": self.instance_hours,
            "at_most_cost": self.cost,
            "currency": self.currency,
            "unpriced": list(self.unpriced),
            "launch_seconds": self.launch_seconds,
            "quotas": list(self.quotas),
            "assumptions": list(self.assumptions),
            "watching": asdict(self.watching),
            "look_seconds": self.look_seconds,
            "looks_at_most_cost": self.looks_cost,
        }


def preview(plan: Plan, prices: PriceTable) -> Preview:
    resources = plan.spec.resources
    longest = resources.spot.max_wait if resources.spot is not None else resources.max_runtime
    waves = -(-plan.count // max(1, plan.parallel_jobs))
    machines = Counter[str]()
    if plan.tuning is None:
        for trial in plan.trials:
            machines.update(_machines(plan, trial))
    else:
        # Of several algorithms nobody knows which trains how often: each time the one that costs the most machines.
        machines = Counter({kind: each * plan.count for kind, each in _largest(plan).items()})
    hours = {kind: count * resources.max_runtime / 3600 for kind, count in machines.items()}
    unpriced = tuple(sorted(kind for kind in hours if kind not in prices.per_hour))
    cost = None if unpriced else sum(prices.per_hour[kind] * spent for kind, spent in hours.items())
    launch = round(plan.count / CREATE_PER_SECOND) if plan.tuning is None else 1
    seconds = max(waves * longest, launch)
    if plan.spec.tune is not None and plan.spec.tune.max_runtime is not None:
        seconds = min(seconds, plan.spec.tune.max_runtime + longest)  # what runs then is stopped, or runs out
    table = WatchingTable.built_in()
    paced = _paced(plan, prices, table)
    watching, looks_cost = _watching(plan, paced, table)
    return Preview(
        seconds=seconds,
        instance_hours=sum(hours.values()),
        cost=cost,
        currency=prices.currency,
        unpriced=unpriced,
        launch_seconds=launch,
        quotas=tuple(_quotas(plan)),
        assumptions=tuple(_assumptions(plan, prices)),
        watching=watching,
        look_seconds=max(one.pace.look_seconds for one in paced),
        looks_cost=looks_cost,
    )


@dataclass(frozen=True, slots=True)
class _Looks:
    """The looks at one job, at most: at new tensors, without news, and at its log; `cost` is that of all together."""

    pace: Pace
    looks: float
    checks: float
    log: float
    cost: float


def _paced(plan: Plan, prices: PriceTable, table: WatchingTable) -> list[_Looks]:
    """The pace of each trial; for a tuning job, whose points are not known, of its examples."""
    resources = plan.spec.resources
    longest = float(resources.max_runtime)
    pacing, log = Pacing(prices=lambda: prices, looks=look_prices(table)), _log(plan)
    profiled = PROFILER_KEY in plan.template.get("Environment", {})
    interval = _save_interval(plan.template.get("Environment", {}))
    spec = AcceptedSpec(normalized(plan.spec))
    paces = [
        pacing.of(
            _requested(plan, trial),
            longest=longest,
            spot=resources.spot is not None,
            watching=spec.watching,
            log=log,
            profiled=profiled,
        )
        for trial in plan.points
    ]
    steps = [_saved_steps(trial, interval) for trial in plan.points]
    return [_looks_of(*each, longest, log, look_prices(table)) for each in zip(paces, steps, strict=True)]


def _log(plan: Plan) -> Log:
    """When the jobs' log is looked at, as their records will say."""
    if not plan.template.get("AlgorithmSpecification", {}).get("MetricDefinitions"):
        return Log.NEVER
    return Log.CHECKED if log_repeats_hook(AcceptedSpec(normalized(plan.spec))) else Log.FOLLOWED


def _looks_of(pace: Pace, steps: float | None, longest: float, log: Log, prices: LookPrices) -> _Looks:
    at_most = looks_at_most(pace, longest)
    looks, checks = at_most if steps is None else min(at_most, steps), longest / pace.check_seconds
    followed = longest / pace.log_seconds if log is Log.FOLLOWED else 0.0
    each_check = prices.check if log is Log.NEVER else prices.log
    return _Looks(pace, looks, checks, followed, looks * prices.look + checks * each_check + followed * prices.log)


def _saved_steps(trial: PlannedTrial, interval: int | None) -> float | None:
    """The number of XGBoost rounds that are saved; None when it is not known."""
    if interval is None:
        return 0.0
    count = whole(trial.hyperparameters.get("num_round"))
    return None if count is None else count / interval


def _requested(plan: Plan, trial: PlannedTrial) -> RequestedMachines:
    (first, count), *others = _machines(plan, trial).items()
    return RequestedMachines(first, count, dict(others))


def _watching(plan: Plan, paced: list[_Looks], table: WatchingTable) -> tuple[Watching, float]:
    """The most that watching costs, and the part of it for looks at running jobs."""
    if plan.tuning is not None:
        # Its examples are few: each time the one that is looked at most.
        paced = plan.count * [max(paced, key=lambda one: one.cost)]
    looks, checks = sum(one.looks for one in paced), sum(one.checks + one.log for one in paced)
    whole, cost = cost_of_watching(plan.count, looks, checks, table), sum(one.cost for one in paced)
    return replace(whole, cost=cost_of_watching(plan.count, 0.0, 0.0, table).cost + cost), cost


def _save_interval(environment: Mapping[str, str]) -> int | None:
    """The shortest save interval of the collections; None where no tensors are written."""
    if CONFIG_KEY not in environment:
        return None
    found = re.findall(r'"save_interval": ?"(\d+)"', "".join(environment[name] for name in sorted(environment)))
    return min(map(int, found), default=1)


def _largest(plan: Plan) -> dict[str, int]:
    """The machines of the job that takes the most."""
    if plan.tuning is None:
        return max((_machines(plan, trial) for trial in plan.trials), key=lambda each: sum(each.values()))
    return max((each.spec.resources.machines for each in variants(plan.spec)), key=lambda each: sum(each.values()))


def _machines(plan: Plan, trial: PlannedTrial) -> dict[str, int]:
    """How many instances of each type one job takes."""
    resources = plan.spec.resources
    if resources.groups:
        return resources.machines
    kind = trial.settings.get("resources.instance_type", resources.instance_type)
    return {kind: trial.settings.get("resources.instance_count", resources.instance_count)}


def _quotas(plan: Plan) -> Iterator[str]:
    """The quotas that bind, except that of instances across all jobs, which preflight checks."""
    resources = plan.spec.resources
    largest = sum(_largest(plan).values())
    together = min(plan.parallel_jobs, plan.count) * largest
    if resources.spot is not None and together > FRESH_SPOT_INSTANCES:
        allowed = f"a fresh account has {FRESH_SPOT_INSTANCES} for spot training (L-93958082)"
        yield f"{together} instances at one time; {allowed}"
    if largest > FRESH_INSTANCES_PER_JOB:
        yield f"{largest} instances in one job; a fresh account may have {FRESH_INSTANCES_PER_JOB} (L-622CFD70)"
    if resources.volume_gb > FRESH_VOLUME_GB:
        yield f"{resources.volume_gb:,} GB an instance; a fresh account may have {FRESH_VOLUME_GB:,}"
    if resources.max_runtime > FRESH_RUNTIME:
        yield f"jobs of {resources.max_runtime:,} s; a fresh account's run at most {FRESH_RUNTIME:,}"
    if resources.keep_alive is not None:
        yield "warm pools; a fresh account has none of any instance type"


def _assumptions(plan: Plan, prices: PriceTable) -> Iterator[str]:
    yield "every job takes all of resources.max_runtime, once, and no rule stops one"
    if plan.tuning is not None:
        yield f"the tuning job launches all of {plan.count:,} jobs: no criterion of tune.completion ends it sooner"
    yield f"on-demand prices of {prices.date}: {prices.source}"
    if plan.spec.resources.spot is not None:
        yield "spot costs less; how much is known only afterwards"
    if plan.spec.resources.keep_alive is not None:
        yield "instances that are kept warm are billed beyond this"
    if any("InstanceType" in rule for rule in plan.template.get("DebugRuleConfigurations", ())):
        yield "machines that evaluate rules of your own for Debugger are billed beyond this"
    yield "watching by what was counted in the embedded cloud, without the free tier; docs/cost.md"
    yield "storage and transfer of data and models are not counted"

"""One scenario: specs are uploaded, jobs train, things go wrong for a while; then all must rest, and be true."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from gridwatch.aws.state_table import StateTable
from gridwatch.cli.redrive import DeadLetters
from gridwatch.localcloud.faults import CallFault, EventFaults, Fault, Faults
from tests.simulation.blueprint import Blueprint
from tests.simulation.clients import Client, installed
from tests.simulation.cloud import Cloud
from tests.simulation.faults import NONE, Ailments, At, Trouble
from tests.simulation.sagemaker import Course
from tests.simulation.stage import Stage

CHAOS_SECONDS = 400.0  # so long things go wrong
REST_SECONDS = 3 * 3600.0  # so long it may take until all has come to rest, the longest visibility being half an hour
_LOOK_EVERY = 30.0
_SNAPSHOTS = 15 * 60 + 120.0  # the schedule of snapshots, and time to take one
_ERROR = {"tensor_regex": "error"}
RULES: list[dict[str, Any]] = [
    {"rule": "MetricThreshold", "name": "high", "parameters": _ERROR | {"above": 0.9}, "on_issue": "stop"},
    {"rule": "MetricNonFinite", "name": "finite", "on_issue": "stop"},
    {"rule": "MetricThreshold", "name": "warm", "parameters": _ERROR | {"above": 0.6}, "on_issue": "alert"},
    {"rule": "MetricThreshold", "name": "note", "parameters": _ERROR | {"above": 0.3}, "on_issue": "record"},
]
_SOUND = (0.29, 0.28, 0.27, 0.26)
# By a point's place in the grid.
COURSES = (
    Course(_SOUND),
    Course((0.2, 0.25, 1.5, 1.6, 1.7, 1.8)),
    Course((0.2, float("nan"), 0.2, 0.2, 0.2, 0.2)),
    Course((0.2, 0.5, 0.7, 0.2)),
    Course((0.2, 0.2), failure="AlgorithmError: exit code 1"),
    Course((0.2, 0.4, 0.2)),
    Course((0.2, 0.2, float("inf"), 0.2, 0.2, 0.2)),
)
CAPACITY = "CapacityError: no machine of the type is free"
_LACKS_CAPACITY = 5  # the place of the point whose first job finds no machine


@dataclass(frozen=True, slots=True)
class Upload:
    at: float
    key: str
    experiment: str
    seeds: tuple[int, ...]

    def content(self) -> bytes:
        return json.dumps(spec(self.experiment, self.seeds)).encode()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario. `poison`: when a message that nobody understands comes, and into which queue."""

    seed: int
    uploads: tuple[Upload, ...]
    ailments: Ailments = NONE
    poison: tuple[tuple[float, str], ...] = ()
    command: str = ""


@dataclass(slots=True)
class ScenarioResult:
    """The result of a scenario. `broken` are the invariants that do not hold."""

    scenario: Scenario
    broken: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    calls: Mapping[tuple[str, str], int] = field(default_factory=dict)
    faults: int = 0
    redriven: int = 0


def tell(scenario: Scenario, blueprint: Blueprint) -> ScenarioResult:
    from tests.simulation.invariants import broken

    stage = Stage(scenario.seed)
    trouble = Trouble(scenario.ailments, scenario.seed)
    cloud = Cloud(blueprint, stage, trouble, course_of, quota=4)
    told = ScenarioResult(scenario, trace=stage.trace, calls=trouble.calls)
    with installed(cloud):
        prepare(cloud, scenario)
        stage.run(lambda: False, most_seconds=CHAOS_SECONDS)
        trouble.on = False
        stage.tell("------ nothing goes wrong from now on")
        rests = come_to_rest(cloud)
        told.redriven = redrive(cloud, told)
        rests = come_to_rest(cloud) if told.redriven else rests
        stage.run(lambda: False, most_seconds=_SNAPSHOTS)
        told.faults = sum(trouble.done.values())
        if not rests:
            told.broken.append(f"it never came to rest: {unrest(cloud)}")
        told.broken += broken(cloud, scenario)
    return told


def prepare(cloud: Cloud, scenario: Scenario) -> None:
    bucket = cloud.blueprint.environment["EXPERIMENTS_BUCKET"]
    for name in ("train", "validation"):
        cloud.s3.put_object(Bucket=bucket, Key=f"data/{name}.csv", Body=b"1,2\n0,1\n")
    for upload in scenario.uploads:
        put = partial(cloud.s3.put_object, Bucket=bucket, Key=upload.key, Body=upload.content())
        cloud.stage.after(upload.at, lambda put=put: put() and None)
    for at, name in scenario.poison:
        queue = next(each for each in cloud.sqs.queues.values() if each.name == name)
        group = "gridwatch" if queue.fifo else None
        put = partial(cloud.sqs.put, queue, POISON, group=group, poison=True)
        cloud.stage.after(at, lambda put=put: put() and None)


POISON = '["what is this?"]'


def come_to_rest(cloud: Cloud) -> bool:
    end = cloud.stage.now + REST_SECONDS
    while unrest(cloud):
        if cloud.stage.now >= end:
            return False
        cloud.stage.run(lambda: False, most_seconds=_LOOK_EVERY)
    return True


def unrest(cloud: Cloud) -> list[str]:
    """What still waits to be done."""
    found = [f"{cloud.busy} invocations"] if cloud.busy else []
    for queue in cloud.sqs.queues.values():
        # Poison comes back so many times that it takes hours until it is a dead letter.
        waiting = [message for message in queue.messages if not message.poison]
        if queue.dead_letters is not None and waiting:
            found.append(f"{len(waiting)} messages in {queue.name}")
    store = store_of(cloud)
    for experiment in store.list_experiments():
        active = [trial.job_name for trial in store.list_trials(experiment.name) if not trial.state.is_finished]
        found += [f"{name} is not over" for name in active]
    found += [f"finding {each.rule_name} of {each.job_name}" for each in store.open_findings()]
    found += [f"alert {each.alert_id}" for each in store.unsent_alerts()]
    found += [f"gate {each.gate_id}" for each in store.untold_gates()]
    return found


def redrive(cloud: Cloud, told: ScenarioResult) -> int:
    """Do what a person does after looking at the dead letters; poison is left where it is. Returns how many letters
    went back.
    """
    unexplained = [
        message
        for queue in dead_letter_queues(cloud)
        for message in queue.messages
        if not message.poison and not any(message.excuses) and queue.name != "gridwatch-failed-invocations"
    ]
    told.broken += [f"dead letter without an excuse: {each.message_id} {each.body[:200]}" for each in unexplained]
    ailments = told.scenario.ailments
    gentle = ailments.at is not None or not (ailments.faults.calls or ailments.slow)
    if gentle and any(dead_letter_queues(cloud, poisoned=False)):
        told.broken.append("a dead letter although one call has failed at most")
    letters = DeadLetters(Client("sqs", cloud), Client("lambda", cloud), "gridwatch")
    done = 0
    for queue in dead_letter_queues(cloud, poisoned=False):
        kept = [message for message in queue.messages if message.poison]
        queue.messages = [message for message in queue.messages if not message.poison]
        sent, _ = letters.redrive(queue.name.removeprefix("gridwatch-").removesuffix(".fifo"))
        queue.messages += kept
        done += sent
    cloud.stage.tell(f"------ {done} dead letters redriven")
    return done


def dead_letter_queues(cloud: Cloud, *, poisoned: bool = True) -> Iterator[Any]:
    """The dead-letter queues that hold something; without `poisoned`, something that was not put there on purpose."""
    for queue in cloud.sqs.queues.values():
        letters = [message for message in queue.messages if poisoned or not message.poison]
        if queue.dead_letters is None and letters:
            yield queue


def store_of(cloud: Cloud) -> StateTable:
    return StateTable(cloud.blueprint.environment["STATE_TABLE"], dynamodb=Client("dynamodb", cloud))


def course_of(request: Mapping[str, Any]) -> Course:
    """The course of a request's job, by its hyperparameter `seed` and its attempt."""
    seed = int(json.loads(request["HyperParameters"]["seed"]))
    place = seed % len(COURSES)
    first = str(request["TrainingJobName"]).endswith("-1")
    return Course((0.2,), failure=CAPACITY) if place == _LACKS_CAPACITY and first else COURSES[place]


def spec(name: str, seeds: Sequence[int]) -> dict[str, Any]:
    return {
        "name": name,
        "objective": {"metric": "validation-error", "direction": "minimize"},
        "algorithm": {"name": "xgboost", "version": "3.2-0"},
        "data": {name: {"uri": f"{name}.csv", "content_type": "text/csv"} for name in ("train", "validation")},
        "hyperparameters": {"objective": "binary:logistic", "eval_metric": "error", "num_round": 1000},
        "grid": {"seed": list(seeds)},
        "collect": {"metrics": {"save_interval": 1}},  # so that rules look at each round
        "rules": RULES,
        "limits": {"parallel_jobs": 3},
    }


# Which scenarios there are --------------------------------------------------------------------------------------------

_SMALL = (Upload(1.0, "experiments/small.json", "small", (0, 1, 3, 4)),)
AT_ONE_CALL = (Fault.THROTTLE, Fault.FAIL, Fault.LOST, Fault.KILL, Fault.KILL_AFTER)


def clean(seed: int = 0) -> Scenario:
    """A scenario in which nothing goes wrong; its calls are those that then fail one after the other."""
    return Scenario(seed, _SMALL, command="clean")


def one_fault(at: At) -> Scenario:
    place = f"{at.function}/{at.operation}/{at.occurrence}/{at.fault}"
    return Scenario(0, _SMALL, Ailments(at=at), command=f"at {place}")


def one_after_the_other(calls: Mapping[tuple[str, str], int]) -> Iterator[Scenario]:
    for (function, operation), count in sorted(calls.items()):
        for occurrence in range(1, count + 1):
            for fault in AT_ONE_CALL:
                yield one_fault(At(function, operation, occurrence, fault))


def at_random(seed: int) -> Scenario:
    """A scenario drawn from the seed: who uploads what when, what fails how often, what gets lost, whose clock is
    wrong.
    """
    chance = random.Random(f"scenario {seed}")
    uploads = list(_uploads(chance))
    faults = Faults(tuple(_call_faults(chance)), _event_faults(chance), seed)
    ailments = Ailments(
        faults,
        skew=chance.choice((0.0, 0.0, 2.0, 30.0)),
        slow=chance.choice((0.0, 0.0, 0.005, 0.02)),
        twice=chance.choice((0.0, 0.1, 0.3)),
    )
    poisoned = chance.sample(QUEUES, chance.choice((0, 0, 1, 2)))
    poison = tuple((chance.uniform(0, 200), name) for name in poisoned)
    return Scenario(seed, tuple(uploads), ailments, poison, f"random {seed}")


QUEUES = tuple(
    f"gridwatch-{name}" for name in ("start.fifo", "track", "evaluate", "reactions", "alerts", "snapshot", "slow")
)


def _uploads(chance: random.Random) -> Iterator[Upload]:
    """Uploads: the same spec again at nearly the same time, another version of it, the same experiment under another
    key.
    """
    seeds = tuple(chance.sample(range(14), chance.randint(2, 7)))
    first = Upload(chance.uniform(0, 5), "experiments/a.json", "alpha", seeds)
    yield first
    if chance.random() < 0.6:
        yield replace(first, at=first.at + chance.choice((0.0, 0.01, 0.5, 3.0, 40.0)))
    if chance.random() < 0.5:
        other = tuple(chance.sample(range(14), chance.randint(1, 5)))
        key = chance.choice(("experiments/a.json", "experiments/copy of a.json"))
        yield replace(first, at=first.at + chance.choice((0.0, 0.3, 2.0, 30.0, 120.0)), key=key, seeds=other)
    if chance.random() < 0.6:
        yield Upload(chance.uniform(0, 60), "experiments/b.json", "beta", tuple(chance.sample(range(7), 3)))


def _call_faults(chance: random.Random) -> Iterator[CallFault]:
    """Faults of calls: some operations fail often, all of them now and then."""
    if chance.random() < 0.1:
        return
    operations = (
        "sagemaker:CreateTrainingJob", "sagemaker:Describe*", "sagemaker:Stop*", "sagemaker:*", "dynamodb:PutItem",
        "dynamodb:*", "sqs:SendMessage", "sns:Publish", "events:PutEvents", "s3:GetObject", "s3:*",
    )  # fmt: skip
    for operation in chance.sample(operations, chance.randint(1, 4)):
        yield CallFault(operation, chance.choice(list(Fault)), chance.choice((0.05, 0.1, 0.3)))
    for fault in Fault:
        yield CallFault("*", fault, chance.choice((0.0, 0.002, 0.01, 0.03)))


def _event_faults(chance: random.Random) -> EventFaults:
    lost, copies, delay = chance.choice((0.0, 0.05, 0.3)), chance.choice((1, 2, 4)), chance.choice((0.0, 2.0, 60.0))
    return EventFaults(lost, copies, delay)

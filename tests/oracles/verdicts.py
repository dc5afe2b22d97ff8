"""Run in the environment of the oracles: an oracle judges trials whose curves are drawn, four at a time.

Reads {"oracle", "parameters", "seed"} on stdin; writes every event: reports with the verdict, and how trials ended.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

TRIALS, REPORTS, WORKERS, STUDY = 90, 27, 4, "grid"
Verdict = Callable[[int, float], bool]  # resource, value -> stop


def curve(draw: random.Random) -> list[float]:
    end, rate = draw.random(), draw.uniform(0.2, 1.5)
    return [end + step**-rate + draw.gauss(0, 0.05) for step in range(1, REPORTS + 1)]


def optuna_trials(oracle: str, parameters: dict[str, Any]) -> Iterator[tuple[Verdict, Callable[[bool, float], None]]]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if oracle == "PatientPruner":
        pruner = optuna.pruners.PatientPruner(None, **parameters)
    else:
        pruner = getattr(optuna.pruners, oracle)(**parameters)
    study = optuna.create_study(study_name=STUDY, pruner=pruner)
    for _ in range(TRIALS):
        trial = study.ask()

        def verdict(resource: int, value: float, trial: Any = trial) -> bool:
            trial.report(value, resource)
            return bool(trial.should_prune())

        def end(stopped: bool, value: float, trial: Any = trial) -> None:
            state = optuna.trial.TrialState.PRUNED if stopped else optuna.trial.TrialState.COMPLETE
            study.tell(trial, None if stopped else value, state=state)

        yield verdict, end


def syne_tune_trials(parameters: dict[str, Any]) -> Iterator[tuple[Verdict, Callable[[bool, float], None]]]:
    from syne_tune.optimizer.scheduler import SchedulerDecision
    from syne_tune.optimizer.schedulers.asha import Bracket

    bracket = Bracket(parameters["grace_period"], REPORTS, parameters["reduction_factor"], 0)
    for number in range(TRIALS):

        def verdict(resource: int, value: float, number: int = number) -> bool:
            return bool(bracket.on_result(number, resource, {"loss": value}) == SchedulerDecision.STOP)

        yield verdict, lambda stopped, value: None


def main() -> None:
    asked = json.loads(sys.stdin.read())
    oracle, parameters = asked["oracle"], asked["parameters"]
    arriving = enumerate(syne_tune_trials(parameters) if oracle == "ASHA" else optuna_trials(oracle, parameters))
    draw = random.Random(asked["seed"])
    running: list[list[Any]] = []
    events: list[list[Any]] = []
    while True:
        while len(running) < WORKERS and (found := next(arriving, None)) is not None:
            number, (verdict, end) = found
            running.append([number, verdict, end, curve(draw), 0])
        if not running:
            break
        place = draw.randrange(len(running))
        number, verdict, end, values, reports = running[place]
        reports = running[place][4] = reports + 1
        stopped = verdict(reports, values[reports - 1])
        events.append(["report", f"{STUDY}_{number}", reports, values[reports - 1], stopped])
        if stopped or reports == REPORTS:
            end(stopped, values[-1])
            events.append(["end", f"{STUDY}_{number}", "stopped" if stopped else "completed"])
            running.pop(place)
    json.dump(events, sys.stdout)


if __name__ == "__main__":
    main()

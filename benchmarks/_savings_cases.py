"""The trainings whose stops are judged by `benchmarks.savings`: what each spec is, and when its job goes bad.

Each has a rule that finds the same thing at the same place. One experiment of a pair stops its job there, the other
lets it run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RULE = "bad"
_LOSS = {"metric": "validation:loss", "direction": "minimize"}
_LOG = {"validation:loss": "validation loss: ([0-9.]+)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One training. `hyperparameters` are the script's or XGBoost's; `points` are used where completed siblings come
    first.
    """

    name: str
    what: str
    hyperparameters: Mapping[str, Any]
    rule: Mapping[str, Any]
    points: tuple[Mapping[str, Any], ...] = ()
    data: str = "blobs"  # of XGBoost
    is_xgboost: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def spec(self, *, stops: bool) -> dict[str, Any]:
        """The spec as it is uploaded; without `stops`, its rule is in shadow mode."""
        machine = {"instance_type": "ml.m5.large", "volume_gb": 5, "max_runtime": "30m"}
        return {
            "name": self.experiment(stops=stops),
            "objective": {"metric": "validation-error", "direction": "minimize"} if self.is_xgboost else _LOSS,
            "algorithm": self._algorithm(),
            "data": {
                name: {"uri": f"{self.data}/{name}.csv", "content_type": "text/csv"} for name in ("train", "validation")
            },
            "hyperparameters": dict(self.hyperparameters),
            "resources": machine,
            "rules": [{**self.rule, "name": RULE, "on_issue": "stop", "mode": "live" if stops else "shadow"}],
            "limits": {"parallel_jobs": 1},
            **({"search": {"list": [dict(point) for point in self.points]}} if self.points else {}),
            **self.settings,
        }

    def experiment(self, *, stops: bool) -> str:
        return f"{self.name}-{'stopped' if stops else 'let-run'}"

    @property
    def trials(self) -> int:
        return len(self.points) or 1

    def _algorithm(self) -> dict[str, Any]:
        if self.is_xgboost:
            return {"name": "xgboost", "version": "3.2-0"}
        return {
            "framework": "sklearn", "version": "1.9-0", "source": "savings_jobs", "entry_point": "train.py",
            "dependencies": ["gridwatch_hook"], "metrics": _LOG,
        }  # fmt: skip


_NOT_FALLING = {
    "rule": "LossNotDecreasing",
    "parameters": {"collection_names": "metrics", "num_steps": 2, "diff_percent": 5},
}
_ABOVE = {"rule": "MetricThreshold", "parameters": {"above": 50, "tensor_regex": "^validation:loss$"}}
_HOOKED = {"rule": "MetricThreshold", "parameters": {"above": 50, "tensor_regex": "^loss$"}}

XGBOOST = (
    Case(
        name="demo",
        what="the demo's job: XGBoost, 10,000 rounds of deep trees, metrics of each second round",
        hyperparameters={
            "objective": "binary:logistic", "eval_metric": "error", "max_depth": 16, "num_round": 10_000, "nthread": 1,
        },
        rule=_NOT_FALLING,
        is_xgboost=True,
        settings={"collect": {"metrics": {"save_interval": 2}}},
    ),
    Case(
        name="quick",
        what="XGBoost, many rounds of less than a millisecond on a handful of rows",
        hyperparameters={
            "objective": "binary:logistic", "eval_metric": "error", "max_depth": 2, "num_round": 40_000, "nthread": 1,
        },
        rule=_NOT_FALLING,
        data="few",
        is_xgboost=True,
        settings={"collect": {"metrics": {"save_interval": 10}}},
    ),
)  # fmt: skip
SCRIPTS = (
    Case(
        name="epochs",
        what="a script's epochs, uneven, read from its log; six seconds of start-up",
        hyperparameters={"epochs": 90, "seconds": 0.8, "startup": 6, "bad_from": 12},
        rule=_ABOVE,
    ),
    Case(
        name="steps",
        what="a script's steps under the hook, with evaluations in between that count apart; max_steps",
        hyperparameters={"max_steps": 2_500, "epochs": 3, "seconds": 0.02, "startup": 4, "bad_from": 400},
        rule=_HOOKED,
    ),
    Case(
        name="unknown",
        what="a script of which nobody knows how long it trains, after two completed trials",
        hyperparameters={"work": 50, "seconds": 0.5},
        rule=_ABOVE,
        points=({"seed": 1, "bad_from": 0}, {"seed": 2, "bad_from": 0}, {"seed": 3, "bad_from": 10}),
    ),
    Case(
        name="patient",
        what="a script of 1,000 epochs that stops by itself after 40, after one completed trial",
        hyperparameters={"epochs": 1_000, "patience": 10, "seconds": 0.7, "startup": 2},
        rule=_ABOVE,
        points=({"seed": 1, "bad_from": 0}, {"seed": 2, "bad_from": 8}),
    ),
)

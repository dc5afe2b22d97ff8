"""A spec of one's own, as JSON: other data, another objective, a grid that grows, a trial that fails."""

from __future__ import annotations

import json
import random
from typing import Any

from gridwatch.cli.grid_sources import POINTS_OF, TRIALS_OF
from gridwatch.tables.finished import curves_of, grid_of
from gridwatch.tables.queries import leaderboard_of
from gridwatch_rules.judgement.catalogue import create_judgement_rule
from gridwatch_rules.judgement.replay import AcrossTrials, replay
from gridwatch_rules.judgement.scores import Scorer
from tests.story.deployed import Deployed


def _spec(**changes: Any) -> str:
    spec = {
        "name": "prices",
        "objective": {"metric": "validation-rmse", "direction": "minimize"},
        "algorithm": {"name": "xgboost", "version": "3.2-0"},
        "data": {
            "train": {"uri": "houses/train", "content_type": "text/csv"},
            "validation": {"uri": "houses/validation", "content_type": "text/csv"},
        },
        "hyperparameters": {"objective": "reg:squarederror", "eval_metric": "rmse", "num_round": 12},
        "grid": {"eta": [0.1, 0.5]},
        "rules": [{"rule": "LossNotDecreasing", "parameters": {"num_steps": 5}, "on_issue": "record"}],
        **changes,
    }
    return json.dumps(spec, indent=1)


def _houses(count: int, seed: int) -> str:
    draw = random.Random(seed)
    rows = [[draw.uniform(20, 200), draw.randint(1, 6), draw.uniform(0, 30)] for _ in range(count)]
    return "".join(f"{size * 3 + rooms * 10 - far * 2},{size},{rooms},{far}\n" for size, rooms, far in rows)


def test_a_spec_of_ones_own_and_a_grid_that_grows(deployed: Deployed) -> None:
    # Two objects under one prefix: a channel is all of them.
    for part in (1, 2):
        deployed.put(f"data/houses/train/{part}.csv", _houses(300, part))
    deployed.put("data/houses/validation/1.csv", _houses(150, 3))

    deployed.put("experiments/prices.json", _spec())
    first = deployed.wait_for_jobs("prices", 2, 60)
    deployed.put("experiments/prices.json", _spec(grid={"eta": [0.1, 0.5, 0.3]}))
    jobs = deployed.wait_for_jobs("prices", 3, 60)

    assert {job["TrainingJobName"] for job in first} < {job["TrainingJobName"] for job in jobs}
    assert [job["TrainingJobStatus"] for job in jobs] == ["Completed"] * 3
    deployed.snapshot("prices")
    rows = deployed.query(leaderboard_of("prices"))
    final = {
        job["TrainingJobName"]: {m["MetricName"]: m["Value"] for m in job["FinalMetricDataList"]}["validation-rmse"]
        for job in jobs
    }
    assert {row["job_name"]: float(row["objective_value"] or "nan") for row in rows} == final
    _its_curves_can_be_replayed(deployed)
    evaluations = deployed.query("SELECT DISTINCT rule, status FROM rule_evaluations WHERE experiment = 'prices'")
    assert {row["rule"] for row in evaluations} == {"LossNotDecreasing"}
    assert {row["status"] for row in evaluations} <= {"NoIssuesFound", "IssuesFound"}


def _its_curves_can_be_replayed(deployed: Deployed) -> None:
    """`gridwatch backtest` and `calibrate` read an experiment by these queries."""
    trials = [
        {
            **row,
            "training_seconds": float(row["training_seconds"] or "nan"),
            "instance_count": int(row["instance_count"] or 0),
        }
        for row in deployed.query(TRIALS_OF.format("'prices'"))
    ]
    points = [
        {**row, "step": int(row["step"] or -1), "value": float(row["value"] or "nan")}
        for row in deployed.query(POINTS_OF.format("'prices'"))
    ]
    grid = grid_of("prices", trials, curves_of(points), None, None)
    assert (grid.metric, grid.maximize, len(grid.trials), grid.incomplete) == ("validation-rmse", False, 3, 0)
    judges = [AcrossTrials(create_judgement_rule("MedianStopping", {}))]
    assert 0 <= Scorer(grid).scores(replay(grid, judges, seed=0, workers=2)).saved < 1
    assert all(trial.price_per_hour and trial.seconds > 0 for trial in grid.trials)

"""The data that the report's scripts draw: the experiment as one JSON document, columns by trial."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from gridwatch.reports.experiment.facts import ExperimentFacts
from gridwatch.reports.experiment.judged import drawn_judgement
from gridwatch.reports.experiment.packing import StepPool, pack
from gridwatch.reports.experiment.tables import Series
from gridwatch.reports.experiment.usage import BINS, CELLS

MOST_FINDINGS = 1000
MOST_PANELS = 24


def drawn(facts: ExperimentFacts) -> Mapping[str, Any]:
    """The document; trials are identified by their place in the tables."""
    trials = facts.tables.trials
    pool = StepPool([each.steps for each in facts.tables.series])
    metrics = _metrics(facts, pool)
    return {
        "objective": {"metric": facts.metric, "direction": facts.direction, "ranks": [facts.metric]},
        "trials": {
            "id": [trial["trial_id"] for trial in trials],
            "state": [trial["state"] for trial in trials],
            "value": [trial["objective_value"] for trial in trials],
            "place": [facts.places.get(place, 0) for place in range(len(trials))],
        },
        "varied": facts.varied,
        "parameters": {name: [each.get(name) for each in facts.hyperparameters] for name in facts.varied},
        "importance": [{"name": each.name, "effect": each.effect} for each in facts.importance],
        "steps": pool.packed(),
        "metrics": metrics,
        "budgets": [{"budget": best.budget, "place": best.trial_id} for best in facts.best_at],
        "findings": _findings(facts, [metric["name"] for metric in metrics]),
        "judged": drawn_judgement(facts.replayed),
        "finals": _finals(facts),
        "usage": _usage(facts),
    }


def metric_names(facts: ExperimentFacts) -> list[str]:
    """The names of curves, the objective's first; where several share a name, what distinguishes them is added."""
    return [name for name, _ in _by_metric(facts)]


def _by_metric(facts: ExperimentFacts) -> list[tuple[str, list[Series]]]:
    found: dict[str, list[Series]] = {}
    for each in facts.tables.series:
        found.setdefault(facts.tables.label(each), []).append(each)
    return sorted(found.items(), key=lambda pair: (pair[0] != facts.metric, pair[0]))


def _metrics(facts: ExperimentFacts, pool: StepPool) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "trials": [facts.trial_places[each.trial_id] for each in series],
            "pools": [pool.place(each.steps) for each in series],
            "axis": "line" if all(each.source == "log" for each in series) else "step",
            "points": [len(each.steps) for each in series],
            "values": pack("f", [value for each in series for value in each.values]),
        }
        for name, series in _by_metric(facts)
    ]


def _findings(facts: ExperimentFacts, metrics: Sequence[str]) -> list[dict[str, Any]]:
    """The findings, each on the curve of its tensor and source; where there is no such curve, on the objective's."""
    labels = {(each.name, each.source): facts.tables.label(each) for each in facts.tables.series}
    return [
        {
            "trial": facts.trial_places[finding["trial_id"]],
            "rule": finding["rule_name"],
            "step": finding["step"],
            "metric": _curve_of(finding, labels, metrics) or facts.metric,
            "text": finding["details"] or "",
            "action": ": ".join(filter(None, [finding["action"], finding["outcome"]])),
        }
        for finding in facts.tables.findings[:MOST_FINDINGS]
        if finding["trial_id"] in facts.trial_places
    ]


def _curve_of(finding: Mapping[str, Any], labels: Mapping[tuple[str, str], str], metrics: Sequence[str]) -> str | None:
    tensor, source = finding["tensor"], json.loads(finding["finding"] or "{}").get("source", "hook")
    return labels.get((tensor, source)) or (tensor if tensor in metrics else None)


def _finals(facts: ExperimentFacts) -> list[dict[str, Any]]:
    """The objective of every trial, and the last value of every curve."""
    objective = [trial["objective_value"] for trial in facts.tables.trials]
    found = {facts.metric: [value for value in objective if value is not None]}
    for name, by_trial in facts.tables.last_values.items():
        if name != facts.metric or not found[name]:
            found[name] = list(by_trial.values())
    shown = list(found.items())[:MOST_PANELS]
    return [{"name": name, "values": pack("f", values)} for name, values in shown if any(map(math.isfinite, values))]


def _usage(facts: ExperimentFacts) -> Mapping[str, Any]:
    resources = sorted({resource for each in facts.usages.found for resource in each.uses})
    return {
        "trials": [facts.trial_places[each.trial_id] for each in facts.usages.found],
        "cells": [round(100 * cell / CELLS) for cell in range(CELLS)],
        "resources": [
            {
                "name": resource,
                "histogram": [
                    sum(each.uses[resource].histogram[place] for each in facts.usages.found if resource in each.uses)
                    for place in range(BINS)
                ],
                "timelines": [
                    [None if cell is None else round(cell, 1) for cell in each.uses[resource].timeline]
                    if resource in each.uses
                    else [None] * CELLS
                    for each in facts.usages.found
                ],
            }
            for resource in resources
        ],
    }

"""What is asked of the tables, as SQL that Athena and DuckDB both run.

Every computed column has an alias, since the two engines name unnamed ones differently.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A query over all experiments, as it is kept in the Athena workgroup."""

    name: str
    description: str
    sql: str


_COUNTED = "CASE WHEN objective_direction = 'maximize' THEN -objective_value ELSE objective_value END"

_LEADERBOARD = f"""\
SELECT
  rank() OVER (PARTITION BY experiment ORDER BY {_COUNTED} ASC NULLS LAST) AS place,
  experiment,
  trial_id,
  job_name,
  state,
  objective_metric,
  objective_value,
  hyperparameters,
  training_seconds,
  billable_seconds,
  complete,
  as_of
FROM trials{{where}}
ORDER BY experiment, place, grid_index"""  # noqa: S608  no text of others

LEADERBOARD = NamedQuery(
    "leaderboard", "Trials of every experiment, best objective first", _LEADERBOARD.format(where="")
)

BEST_BY_PARAMETER = NamedQuery(
    "best_by_parameter",
    "For each hyperparameter and each of its values: how many trials, and their best and mean objective",
    """\
SELECT
  p.experiment,
  p.name AS parameter,
  p.value_string AS parameter_value,
  count(*) AS trials,
  CASE WHEN max(t.objective_direction) = 'maximize' THEN max(t.objective_value) ELSE min(t.objective_value) END
    AS best_objective,
  avg(t.objective_value) AS mean_objective
FROM parameters p
JOIN trials t ON t.experiment = p.experiment AND t.trial_id = p.trial_id
WHERE t.objective_value IS NOT NULL
GROUP BY p.experiment, p.name, p.value_string
ORDER BY p.experiment, parameter, parameter_value""",
)

LEARNING_CURVES = NamedQuery(
    "learning_curves",
    "Every scalar of every trial by step",
    """\
SELECT m.experiment, t.grid_index, m.trial_id, m.name AS metric, m.mode, m.step, m.value
FROM metrics m
JOIN trials t ON t.experiment = m.experiment AND t.trial_id = m.trial_id
ORDER BY m.experiment, t.grid_index, metric, m.mode, m.step""",
)

RULE_FINDINGS = NamedQuery(
    "rule_findings",
    "What the rules found, newest first, and what was done about it",
    """\
SELECT experiment, job_name, rule_name, rule, step, tensor, observed, threshold, details, action, outcome, found_at,
  carried_out_at
FROM findings
ORDER BY found_at DESC, job_name, rule_name""",
)

UNFINISHED_TRIALS = NamedQuery(
    "unfinished_trials",
    "Trials that did not complete, and why",
    """\
SELECT experiment, trial_id, job_name, state, status, secondary_status, reason, hyperparameters, as_of
FROM trials
WHERE state <> 'completed'
ORDER BY experiment, grid_index""",
)

NAMED_QUERIES = (LEADERBOARD, BEST_BY_PARAMETER, LEARNING_CURVES, RULE_FINDINGS, UNFINISHED_TRIALS)


def leaderboard_of(experiment: str) -> str:
    """The leaderboard of one experiment."""
    return _LEADERBOARD.format(where=f"\nWHERE experiment = {text_literal(experiment)}")


def text_literal(text: str) -> str:
    """`text` as an SQL string literal of both engines."""
    return "'" + text.replace("'", "''") + "'"

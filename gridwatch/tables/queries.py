"""The queries on the tables, as SQL that Athena and DuckDB both run.

Every computed column has an alias, since the two engines name unnamed ones differently, and a type that both give it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A query over all experiments. `select` is the view, without an order; `order` is how people read it."""

    name: str
    description: str
    select: str
    order: str

    @property
    def sql(self) -> str:
        """The whole query, as it is kept in the Athena workgroup."""
        return f"{self.select}\nORDER BY {self.order}"


_COUNTED = "CASE WHEN objective_direction = 'maximize' THEN -objective_value ELSE objective_value END"

LEADERBOARD = NamedQuery(
    "leaderboard",
    "Trials of every experiment, best objective first",
    f"""\
SELECT
  CASE WHEN objective_value IS NOT NULL
    THEN rank() OVER (PARTITION BY experiment ORDER BY {_COUNTED} ASC NULLS LAST) END AS place,
  experiment,
  grid_index,
  trial_id,
  job_name,
  state,
  objective_metric,
  objective_value,
  objective_best,
  algorithm,
  hyperparameters,
  training_seconds,
  billable_seconds,
  cost,
  cost_currency,
  complete,
  as_of
FROM trials""",  # noqa: S608  no text of others
    "experiment, place, grid_index",
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
GROUP BY p.experiment, p.name, p.value_string""",
    "experiment, parameter, parameter_value",
)

LEARNING_CURVES = NamedQuery(
    "learning_curves",
    "Every point of every trial's curves; each source counts steps of its own",
    """\
SELECT m.experiment, t.grid_index, m.trial_id, m.name AS metric, m.mode, m.step, m.value,
  COALESCE(m.source, 'hook') AS source, m.worker, COALESCE(m.step_axis, 'step') AS step_axis,
  COALESCE(m.objective, false) AS objective
FROM metrics m
JOIN trials t ON t.experiment = m.experiment AND t.trial_id = m.trial_id""",
    "experiment, grid_index, metric, source, worker, mode, step",
)

RULE_FINDINGS = NamedQuery(
    "rule_findings",
    "What the rules found, newest first, and what was done about it",
    """\
SELECT experiment, trial_id, job_name, rule_name, rule, step, tensor, observed, threshold, details, action, outcome,
  shadow, audited, saved_seconds, saved_cost, saved_currency, saved_bound, found_at, carried_out_at
FROM findings""",
    "found_at DESC, job_name, rule_name",
)

# Both halves have all columns, so that a week without a stop, or with nothing but stops, has its row.
COST_BY_WEEK = NamedQuery(
    "cost_by_week",
    "By week (from Monday, UTC), experiment and currency: what jobs cost and what stops spared; estimates",
    """\
SELECT week, experiment, currency,
  CAST(sum(jobs) AS bigint) AS jobs,
  sum(instance_seconds) AS instance_seconds,
  sum(cost) AS cost,
  CAST(sum(stops) AS bigint) AS stops,
  sum(saved_seconds) AS saved_seconds,
  sum(saved_cost) AS saved_cost,
  max(saved_bound) AS saved_bound,
  CAST(sum(shadow_stops) AS bigint) AS shadow_stops,
  sum(shadow_saved_cost) AS shadow_saved_cost,
  CAST(sum(audited_stops) AS bigint) AS audited_stops,
  sum(audited_saved_cost) AS audited_saved_cost,
  sum(audited_cost_after) AS audited_cost_after
FROM (
  SELECT CAST(date_trunc('week', COALESCE(ended_at, as_of)) AS date) AS week, experiment, cost_currency AS currency,
    1 AS jobs, COALESCE(training_seconds, 0.0e0) * instance_count AS instance_seconds, cost,
    0 AS stops, 0.0e0 AS saved_seconds, CAST(NULL AS double) AS saved_cost, CAST(NULL AS varchar) AS saved_bound,
    0 AS shadow_stops, CAST(NULL AS double) AS shadow_saved_cost,
    0 AS audited_stops, CAST(NULL AS double) AS audited_saved_cost, CAST(NULL AS double) AS audited_cost_after
  FROM trials
  WHERE started_at IS NOT NULL
  UNION ALL
  SELECT CAST(date_trunc('week', decided_at) AS date) AS week, experiment, saved_currency AS currency,
    0 AS jobs, 0.0e0 AS instance_seconds, CAST(NULL AS double) AS cost,
    CASE WHEN shadow OR audited THEN 0 ELSE 1 END AS stops,
    CASE WHEN shadow OR audited THEN 0.0e0 ELSE saved_seconds END AS saved_seconds,
    CASE WHEN shadow OR audited THEN CAST(NULL AS double) ELSE saved_cost END AS saved_cost,
    CASE WHEN shadow OR audited THEN CAST(NULL AS varchar) ELSE saved_bound END AS saved_bound,
    CASE WHEN shadow THEN 1 ELSE 0 END AS shadow_stops,
    CASE WHEN shadow THEN saved_cost ELSE CAST(NULL AS double) END AS shadow_saved_cost,
    CASE WHEN audited THEN 1 ELSE 0 END AS audited_stops,
    CASE WHEN audited THEN saved_cost ELSE CAST(NULL AS double) END AS audited_saved_cost,
    CASE WHEN audited THEN job_cost_after ELSE CAST(NULL AS double) END AS audited_cost_after
  FROM findings
  WHERE saved_seconds IS NOT NULL
) spent_and_saved
GROUP BY week, experiment, currency""",
    "week, experiment, currency",
)

UNFINISHED_TRIALS = NamedQuery(
    "unfinished_trials",
    "Trials that did not complete, and why",
    """\
SELECT t.experiment, t.grid_index, t.trial_id, t.job_name, t.state, t.status, t.secondary_status,
  COALESCE(t.reason, f.found) AS reason, t.hyperparameters, t.as_of
FROM trials t
LEFT JOIN (
  SELECT experiment, job_name, min(concat(rule_name, ': ', COALESCE(details, ''))) AS found
  FROM findings
  WHERE action = 'stop'
  GROUP BY experiment, job_name
) f ON f.experiment = t.experiment AND f.job_name = t.job_name
WHERE t.state <> 'completed'""",
    "experiment, grid_index",
)

# As views of their names, and as named queries.
NAMED_QUERIES = (LEADERBOARD, BEST_BY_PARAMETER, LEARNING_CURVES, RULE_FINDINGS, COST_BY_WEEK, UNFINISHED_TRIALS)


def view(name: str) -> NamedQuery | None:
    """The view of that name; None when there is none."""
    return {query.name: query for query in NAMED_QUERIES}.get(name)


def leaderboard_of(experiment: str) -> str:
    """The leaderboard of one experiment."""
    return of_experiment(LEADERBOARD, experiment)


def of_experiment(query: NamedQuery, experiment: str) -> str:
    """The query's rows for one experiment. Ranks are unaffected: they are counted within each experiment."""
    where = f"WHERE experiment = {text_literal(experiment)}"
    return f"SELECT * FROM (\n{query.select}\n) of_all\n{where}\nORDER BY {query.order}"  # noqa: S608  a literal


def text_literal(text: str) -> str:
    """`text` as an SQL string literal of both engines."""
    return "'" + text.replace("'", "''") + "'"

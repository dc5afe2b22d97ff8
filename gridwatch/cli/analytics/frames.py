"""The tables, the views, queries and the SDK's layouts as data frames."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gridwatch.cli.analytics import sdk_layouts
from gridwatch.cli.context import Cloud
from gridwatch.cli.context import connect as connect_cloud
from gridwatch.cli.errors import CliError
from gridwatch.launch.entities import sagemaker_experiments
from gridwatch.tables import queries, schemas

if TYPE_CHECKING:
    import pandas as pd

    from gridwatch.cli.athena import Answer

_TIMES = frozenset(
    column.name for table in schemas.TABLES for column in table.columns if column.type is schemas.ColumnType.TIMESTAMP
)


def connect(stack: str | None = None) -> Analytics:
    """The analytics of a deployment: the one named, else where the environment points, else the running local cloud."""
    return Analytics(connect_cloud(stack))


class Analytics:
    """Queries to one deployment. Everything but `experiment_analytics` is as of the last snapshot.

    Methods return pandas data frames, and raise CliError when there is nothing to query.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def sql(self, query: str) -> pd.DataFrame:
        """The answer to a query in Athena's SQL."""
        return _frame(self._cloud.ask(query))

    def table(self, name: str, experiment: str | None = None) -> pd.DataFrame:
        """A table, for one experiment or for all."""
        if name not in {table.name for table in schemas.TABLES}:
            raise CliError(f"there is no table {name!r}: {', '.join(table.name for table in schemas.TABLES)}")
        where = f" WHERE experiment = {queries.text_literal(experiment)}" if experiment else ""
        return self.sql(f"SELECT * FROM {name}{where}")  # noqa: S608  a table's name and a literal

    def view(self, name: str, experiment: str | None = None) -> pd.DataFrame:
        """A view, for one experiment or for all."""
        query = queries.view(name)
        if query is None:
            raise CliError(f"there is no view {name!r}: {', '.join(each.name for each in queries.NAMED_QUERIES)}")
        return self.sql(queries.of_experiment(query, experiment) if experiment else query.sql)

    def leaderboard(self, experiment: str) -> pd.DataFrame:
        return self.view("leaderboard", experiment)

    def experiment_analytics(self, experiment: str) -> pd.DataFrame:
        """The data frame of `sagemaker.analytics.ExperimentAnalytics(experiment).dataframe()`, from Search as of now.

        It has every component of all the SageMaker experiments that hold the experiment's trials, the newest change
        first, which is Search's own order.
        """
        import pandas as pd  # noqa: PLC0415  a third of a second that only frames need

        return pd.DataFrame(self.component_rows(experiment))

    def component_rows(self, experiment: str) -> list[sdk_layouts.Row]:
        """The rows of `experiment_analytics`."""
        from gridwatch.aws.component_search import ComponentSearch  # noqa: PLC0415  boto3

        record = self._cloud.store.get_experiment(experiment)
        names = (record and sagemaker_experiments(self._cloud.store, record)) or (experiment,)
        search = ComponentSearch(self._cloud.session.patient_sagemaker)
        found: dict[str, tuple[datetime, sdk_layouts.Row]] = {}
        for name in names:
            found |= search.read(name, lambda each: (each["LastModifiedTime"], sdk_layouts.component_row(each)))
        if not found:
            raise CliError(f"SageMaker Search has no trial components of an experiment {names[0]!r}")
        newest_first = sorted(found.items(), key=lambda item: (item[1][0], item[0]), reverse=True)
        return [row for _, (_, row) in newest_first]

    def tuning_job_analytics(self, experiment: str) -> pd.DataFrame:
        """The experiment as `HyperparameterTuningJobAnalytics` shows a tuning job."""
        import pandas as pd  # noqa: PLC0415  a third of a second that only frames need

        trials = self._rows_of("trials", experiment, "grid_index")
        for trial in trials:
            trial["hyperparameters"] = json.loads(trial["hyperparameters"])
        return pd.DataFrame(list(sdk_layouts.tuning_rows(trials, sdk_layouts.varied(trials))))

    def training_job_analytics(self, job_name: str) -> pd.DataFrame:
        """A job's curves as `TrainingJobAnalytics` shows them: the mean of each minute."""
        import pandas as pd  # noqa: PLC0415  a third of a second that only frames need

        answer = self._cloud.ask(
            # From the log, as SageMaker has its metrics from there; what the log does not say, from the hook.
            "SELECT name, logged_at, value FROM (SELECT *, "  # noqa: S608  a literal
            "max(CASE WHEN source = 'log' THEN 1 ELSE 0 END) OVER (PARTITION BY name) AS in_log FROM metrics "
            f"WHERE logged_at IS NOT NULL AND job_name = {queries.text_literal(job_name)}) of_job "
            "WHERE in_log = 0 OR source = 'log'"
        )
        rows = _typed(answer)
        if not rows:
            raise CliError(f"no metrics of a job {job_name!r} are in the tables yet")
        points = [(row["name"], row["logged_at"], row["value"]) for row in rows]
        return pd.DataFrame(list(sdk_layouts.training_rows(points)))

    def _rows_of(self, table: str, experiment: str, order: str) -> list[dict[str, Any]]:
        name = queries.text_literal(experiment)
        rows = _typed(self._cloud.ask(f"SELECT * FROM {table} WHERE experiment = {name} ORDER BY {order}"))  # noqa: S608
        if not rows:
            raise CliError(f"no snapshot of an experiment {experiment!r} is there yet (`gridwatch snapshot` takes one)")
        return rows


def _typed(answer: Answer) -> list[dict[str, Any]]:
    return [{name: _moment(value) if name in _TIMES else value for name, value in row.items()} for row in answer.rows]


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(f"{text}+00:00") if text else None


def _frame(answer: Answer) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415  a third of a second that only frames need

    rows: Sequence[Mapping[str, Any]] = answer.rows
    frame = pd.DataFrame(rows, columns=list(answer.columns))
    for name in _TIMES.intersection(frame.columns):
        frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
    return frame

"""An experiment's snapshot read from its Parquet files, which reports and comparisons are made from."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from gridwatch.cli.context import Cloud
from gridwatch.cli.errors import CliError
from gridwatch.cli.looking.spending import prices_of, profile_of
from gridwatch.reports.experiment.facts import ExperimentFacts
from gridwatch.reports.experiment.tables import TABLES, ExperimentTables, read_tables
from gridwatch.state.accepted_spec import spec_of
from gridwatch.storage import layout


def read_facts(cloud: Cloud, experiment: str, budgets: Sequence[int] = ()) -> ExperimentFacts:
    """The experiment as of its last snapshot, with the machines' use where there are profiles. Raises CliError."""
    tables = download(cloud, experiment)
    facts = ExperimentFacts(
        tables=tables, prices=prices_of(cloud), expression=expression_of(cloud, experiment), budgets=tuple(budgets)
    )
    from gridwatch.reports.experiment.usage import read_usages  # noqa: PLC0415  numpy is slow to import

    usages = read_usages(facts.by_place, lambda job: profile_of(cloud, job))
    return ExperimentFacts(
        tables=tables, prices=facts.prices, expression=facts.expression, budgets=facts.budgets, usages=usages
    )


def download(cloud: Cloud, experiment: str) -> ExperimentTables:
    """Download the tables of an experiment's last snapshot. Raises CliError when there is none."""
    s3, bucket = cloud.session.s3, cloud.deployment.artifacts_bucket
    with tempfile.TemporaryDirectory(prefix="gridwatch-") as folder:
        files = {name: Path(folder) / f"{name}.parquet" for name in TABLES}
        for name, file in files.items():
            try:
                content = s3.get_object(Bucket=bucket, Key=layout.table_key(name, experiment))["Body"]
            except s3.exceptions.NoSuchKey:
                raise CliError(
                    f"no snapshot of an experiment {experiment!r} is there yet (`gridwatch experiments` lists them, "
                    f"`gridwatch snapshot {experiment}` takes one)"
                ) from None
            with file.open("wb") as copy:
                for chunk in content.iter_chunks(1 << 20):
                    copy.write(chunk)
        return read_tables(files.__getitem__)


def expression_of(cloud: Cloud, experiment: str) -> str | None:
    """The CEL expression of the experiment's hypothesis, if the spec has one."""
    record = cloud.store.get_experiment(experiment)
    return spec_of(record).hypothesis.expression if record else None

"""The demo's story against a deployment: upload a spec, watch, see a job stopped, query the results."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from gridwatch.cli.context import Cloud
from gridwatch.cli.demo.alerts import Mail, Mailbox
from gridwatch.cli.demo.observation import observe
from gridwatch.cli.demo.progress import Show
from gridwatch.cli.errors import CliError
from gridwatch.cli.experiments import read_status
from gridwatch.cli.queries import read_leaderboard
from gridwatch.cli.refusals import refusal_of
from gridwatch.cli.snapshots import take_snapshot
from gridwatch.storage import layout

GRID = "blobs"
FAILING = "blobs-debugger"
GRID_TRIALS = 8
ROUNDS_ASKED = 10_000
ROUNDS_AT_MOST = 5_000  # later than this, the stop was no help

_LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_ROUND = re.compile(r"\[(\d+)\]")  # how XGBoost begins its line about a round
_POLL_SECONDS = 0.4
_EXPERIMENT_SECONDS = 120.0
_SNAPSHOT_SECONDS = 120.0
_MAIL_SECONDS = 60.0


@dataclass(slots=True)
class Learned:
    """What the demo found out, in the order in which it came."""

    leaderboard: Sequence[Mapping[str, Any]] = ()
    statuses: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    mails: list[Mail] = field(default_factory=list)
    last_round: int | None = None

    @property
    def alerts(self) -> list[Mail]:
        return [mail for mail in self.mails if not mail.is_digest]

    @property
    def digest(self) -> Mail | None:
        """The digest, which tells how the grid ended."""
        return next((mail for mail in self.mails if mail.is_digest and f" {GRID} has ended" in mail.subject), None)

    def faults(self) -> list[str]:
        """What differs from what the demo must show; empty when all is well."""
        grid = [trial["state"] for trial in self.statuses[GRID]["trials"]]
        failing = self.statuses[FAILING]["trials"]
        found = []
        if grid != ["completed"] * GRID_TRIALS:
            found.append(f"the {GRID_TRIALS} trials of {GRID} should have completed: {', '.join(grid)}")
        if [trial["state"] for trial in failing] != ["stopped"]:
            found.append(f"the trial of {FAILING} should have been stopped: {[trial['state'] for trial in failing]}")
        elif self.last_round is None or self.last_round >= ROUNDS_AT_MOST:
            found.append(f"the stop came at round {self.last_round}, not before {ROUNDS_AT_MOST}")
        if len(self.alerts) != 1:
            found.append(f"there should have been one alert, there were {len(self.alerts)}")
        if self.digest is None:
            found.append(f"nobody was told how {GRID} ended")
        values = [row["objective_value"] for row in self.leaderboard]
        if len(values) != GRID_TRIALS or None in values:
            found.append(f"the leaderboard should have {GRID_TRIALS} values: {values}")
        return found


def upload_data(cloud: Cloud, files: Mapping[str, Path]) -> None:
    for file in files.values():
        key = f"{layout.DATA_PREFIX}{GRID}/{file.name}"
        cloud.session.s3.put_object(Bucket=cloud.deployment.experiments_bucket, Key=key, Body=file.read_bytes())


def upload_spec(cloud: Cloud, spec: Path) -> None:
    """Upload the spec as anybody would: as a file under `experiments/`."""
    key = f"{layout.SPEC_PREFIX}{spec.name}"
    cloud.session.s3.put_object(Bucket=cloud.deployment.experiments_bucket, Key=key, Body=spec.read_bytes())


def await_end(cloud: Cloud, experiment: str, trials: int, show: Show) -> None:
    """Show the experiment's trials until all are over. Raises CliError when it is refused or takes too long."""
    deadline = cloud.clock.now() + timedelta(seconds=_EXPERIMENT_SECONDS)
    while True:
        views = observe(cloud.store, experiment)
        show(views)
        if len(views) == trials and all(view.finished for view in views):
            return
        if cloud.clock.now() > deadline:
            states = ", ".join(view.state for view in views) or "no trial on record"
            raise CliError(f"{experiment} was not over after {_EXPERIMENT_SECONDS:.0f} seconds: {states}")
        refusal = None if views else refusal_of(cloud.session.s3, cloud.deployment.experiments_bucket, experiment)
        if refusal:
            raise CliError(f"the spec of {experiment} was refused: {refusal}")
        cloud.clock.sleep(_POLL_SECONDS)


def snapshot(cloud: Cloud) -> None:
    for experiment in (GRID, FAILING):
        take_snapshot(cloud, experiment, timeout=_SNAPSHOT_SECONDS)


def learn(cloud: Cloud, learned: Learned) -> None:
    """Query everything that the demo shows and checks."""
    learned.leaderboard = read_leaderboard(cloud, GRID)
    learned.statuses = {experiment: read_status(cloud, experiment) for experiment in (GRID, FAILING)}
    learned.last_round = last_round(cloud, learned.statuses[FAILING]["trials"])


def read_mail(cloud: Cloud, mailbox: Mailbox, learned: Learned) -> None:
    """Read the mails. The finding's alert is there by now; the digest comes once snapshot and report are written."""
    deadline = cloud.clock.now() + timedelta(seconds=_MAIL_SECONDS)
    while (not learned.alerts or learned.digest is None) and cloud.clock.now() < deadline:
        learned.mails += mailbox.read(wait_seconds=1)


def last_round(cloud: Cloud, trials: Sequence[Mapping[str, Any]]) -> int | None:
    """The last round that the trial's one job logged; None when it logged none."""
    lines: list[str] = []
    logs = cloud.session.client("logs")
    for trial in trials:
        prefix = f"{trial['job_name']}/"
        streams = logs.describe_log_streams(logGroupName=_LOG_GROUP, logStreamNamePrefix=prefix)["logStreams"]
        for stream in streams:
            tail = logs.get_log_events(logGroupName=_LOG_GROUP, logStreamName=stream["logStreamName"], limit=1000)
            lines += [event["message"] for event in tail["events"]]
    rounds = [int(found[1]) for line in lines if (found := _ROUND.match(line))]
    return max(rounds, default=None)


def keep_tables(cloud: Cloud, folder: Path) -> None:
    """Copies of the Parquet files, since the cloud that holds them ends with the demo."""
    bucket = cloud.deployment.artifacts_bucket
    listed = cloud.session.s3.list_objects_v2(Bucket=bucket, Prefix=layout.TABLE_PREFIX)
    for found in listed.get("Contents", []):
        file = folder / found["Key"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(cloud.session.s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())

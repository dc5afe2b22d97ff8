"""How far an experiment is: a bar, counts by state, pace, time left, and money spent and to be spent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from rich.live import Live

from gridwatch.launch.spending import spending
from gridwatch.savings.prices import PriceTable
from gridwatch.state.records import LaunchHold, TrialRecord
from gridwatch_cli.context import Cloud
from gridwatch_cli.output import console

_BAR = 40
_EVERY_SECONDS = 2.0


def watch(cloud: Cloud, experiment: str) -> None:
    """Show the progress until every trial is over."""
    out = console()
    with Live(console=out, auto_refresh=False, transient=False) as live:
        while True:
            trials, now = cloud.store.list_trials(experiment), cloud.clock.now()
            document = progress(trials, cloud.store.get_hold(experiment), prices_of(cloud), now)
            live.update("\n".join(progress_lines(experiment, document)), refresh=True)
            if document["finished"] == document["trials"]:
                return
            cloud.clock.sleep(_EVERY_SECONDS)


def prices_of(cloud: Cloud) -> PriceTable:
    """The deployment's prices, or the package's."""
    from gridwatch.aws.price_table import read_price_table  # noqa: PLC0415  boto3 is slow to import

    replaced = read_price_table(cloud.deployment.experiments_bucket, cloud.session.s3)
    return replaced or PriceTable.built_in()


def progress(
    trials: Sequence[TrialRecord], hold: LaunchHold | None, prices: PriceTable, now: datetime
) -> Mapping[str, Any]:
    """`pace` is trials an hour since the first job began; `eta` when the last will be over at that pace."""
    finished = sum(trial.state.is_finished for trial in trials)
    ran = [trial for trial in trials if trial.state.is_finished and trial.started_at]
    began = min((trial.started_at for trial in trials if trial.started_at), default=None)
    hours = (now - began).total_seconds() / 3600 if began else 0.0
    pace = len(ran) / hours if ran and hours > 0 else None
    left = len(trials) - finished
    money = spending(trials, prices, now)
    return {
        "trials": len(trials),
        "finished": finished,
        "states": dict(Counter(trial.state.value for trial in trials).most_common()),
        "pace": pace,
        "eta": now + timedelta(hours=left / pace) if pace and left else None,
        "spent": money.spent,
        "projected": money.projected,
        "currency": money.currency,
        "unpriced": money.unpriced,
        "held": hold.reason if hold and hold.limit else None,
    }


def progress_lines(experiment: str, document: Mapping[str, Any]) -> Sequence[str]:
    """What people see."""
    done, total = document["finished"], document["trials"]
    filled = _BAR * done // total if total else 0
    states = ", ".join(f"{count} {state}" for state, count in document["states"].items())
    lines = [f"{experiment} {'█' * filled}{'░' * (_BAR - filled)} {done}/{total}", states or "no trials"]
    if document["pace"]:
        eta = f", over at about {document['eta']:%Y-%m-%d %H:%M} UTC" if document["eta"] else ""
        lines.append(f"{document['pace']:.1f} trials an hour{eta}")
    projected = f", about {document['projected']:.2f} in the end" if document["projected"] is not None else ""
    unpriced = f" (no price of {', '.join(document['unpriced'])})" if document["unpriced"] else ""
    lines.append(f"{document['spent']:.2f} {document['currency']} spent{projected}{unpriced}: an estimate")
    if document["held"]:
        lines.append(f"nothing more is launched: {document['held']}")
    return lines

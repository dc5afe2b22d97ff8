"""How far an experiment is: a bar, counts by state, pace, time left, and money spent and still to be spent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from gridwatch.cli.context import Cloud
from gridwatch.domain.experiments import ExperimentRecord, LaunchHold
from gridwatch.domain.trials import TrialRecord
from gridwatch.launch.spending import at_most, spending
from gridwatch.savings.money import money
from gridwatch.savings.prices import PriceTable
from gridwatch_rules.visible import visible

_BAR = 40
_EVERY_SECONDS = 2.0
_SHARE_OF_READING = 0.1  # of the time, at most: a large grid is looked at less often


def watch(cloud: Cloud, experiment: str, out: Console, prices: PriceTable) -> None:
    """Show the progress until every trial is over: in a terminal one updating picture, elsewhere a line for each
    change.
    """
    if not out.is_terminal:
        before: object = None
        for document in _follow(cloud, experiment, prices):
            known = document["states"], document["held"]
            if known != before:
                out.print(_line(experiment, document), soft_wrap=True)
            before = known
        return
    with Live(console=out, auto_refresh=False, transient=False) as live:
        for document in _follow(cloud, experiment, prices):
            lines = progress_lines(experiment, document, width=out.width)
            # A line of the terminal for each: wrapped ones would stay behind when the window is made narrower.
            live.update(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"), refresh=True)


def _follow(cloud: Cloud, experiment: str, prices: PriceTable) -> Iterator[Mapping[str, Any]]:
    """The progress, again and again until all is over; nothing for an experiment that is not on record."""
    while record := cloud.store.get_experiment(experiment):
        began = cloud.clock.now()
        trials = cloud.store.list_trials(experiment)
        now = cloud.clock.now()
        document = progress(record, trials, cloud.store.get_hold(experiment), prices, now)
        yield document
        if document["finished"] == document["trials"]:
            return
        took = (now - began).total_seconds()
        cloud.clock.sleep(max(_EVERY_SECONDS, took / _SHARE_OF_READING))


def prices_of(cloud: Cloud) -> PriceTable:
    """The deployment's prices, or the package's."""
    from gridwatch.aws.price_table import read_price_table  # noqa: PLC0415  boto3 is slow to import

    replaced = read_price_table(cloud.deployment.experiments_bucket, cloud.session.s3)
    return replaced or PriceTable.built_in()


def progress(
    record: ExperimentRecord, trials: Sequence[TrialRecord], hold: LaunchHold | None, prices: PriceTable, now: datetime
) -> Mapping[str, Any]:
    """How far an experiment is. `pace` is trials an hour since the first job began; `eta` is when the last will be over
    at that pace. Before the first is over neither is known, and `latest` and `at_most` say what the rest takes if every
    job uses all of its time.
    """
    known = {trial.trial_id for trial in trials}
    unrecorded = sum(trial_id not in known for trial_id in record.trial_ids)  # the spec was accepted a moment ago
    finished = sum(trial.state.is_finished for trial in trials)
    ran = [trial for trial in trials if trial.state.is_finished and trial.started_at]
    began = min((trial.started_at for trial in trials if trial.started_at), default=None)
    hours = (now - began).total_seconds() / 3600 if began else 0.0
    pace = len(ran) / hours if ran and hours > 0 else None
    left = len(trials) + unrecorded - finished
    money = spending(trials, prices, now)
    longest = timedelta(seconds=record.template.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 0))
    held = hold is not None and hold.limit is not None and hold.spec_version == record.spec_version
    return {
        "trials": len(trials) + unrecorded,
        "finished": finished,
        "states": dict(Counter(trial.shown_state for trial in trials).most_common()),
        "pace": pace,
        "eta": now + timedelta(hours=left / pace) if pace and left else None,
        "latest": now + longest * -(-left // record.parallel_jobs) if left and longest and not pace else None,
        "spent": money.spent,
        "projected": money.projected,
        "at_most": at_most(trials, prices, now, longest.total_seconds()) if longest else None,
        "currency": money.currency,
        "unpriced": money.unpriced,
        "held": hold.reason if hold and held else None,
    }


def progress_lines(experiment: str, document: Mapping[str, Any], *, width: int = 80) -> Sequence[str]:
    """The progress for a terminal of that width."""
    done, total = document["finished"], document["trials"]
    bar = max(1, min(_BAR, width - len(f"{experiment}  {total}/{total}")))
    filled = bar * done // total if total else 0
    lines = [f"{experiment} {'█' * filled}{'░' * (bar - filled)} {done}/{total}", _states(document)]
    lines += [_pace(document), _money(document)]
    if document["held"]:
        lines.append(f"nothing more is launched: {visible(document['held'])}")
    return lines


def _line(experiment: str, document: Mapping[str, Any]) -> Text:
    """The progress on one line, for a log."""
    held = f"; nothing more is launched: {visible(document['held'])}" if document["held"] else ""
    told = "; ".join([_states(document), _pace(document), _money(document)])
    return Text(f"{experiment} {document['finished']}/{document['trials']}: {told}{held}")


def _states(document: Mapping[str, Any]) -> str:
    return ", ".join(f"{count} {state}" for state, count in document["states"].items()) or "no trials"


def _pace(document: Mapping[str, Any]) -> str:
    if document["pace"]:
        eta = f", over at about {document['eta']:%Y-%m-%d %H:%M} UTC" if document["eta"] else ""
        return f"{document['pace']:.1f} trials an hour{eta}"
    if document["latest"]:
        return f"no pace yet: over at {document['latest']:%Y-%m-%d %H:%M} UTC if each job takes all of its time"
    return "no pace"


def _money(document: Mapping[str, Any]) -> str:
    projected, currency = "", document["currency"]
    if document["projected"] is not None:
        projected = f", about {money(document['projected'], currency)} in the end"
    elif document["at_most"] is not None:
        projected = f", {money(document['at_most'], currency)} in the end if each job takes all of its time"
    unpriced = f" (no price of {', '.join(document['unpriced'])})" if document["unpriced"] else ""
    return f"{money(document['spent'], currency)} spent{projected}{unpriced}: an estimate"

"""The alert that trials fail in a region of a search space, and what was done with the trials that wait there."""

from __future__ import annotations

from datetime import datetime

from gridwatch.alerts.content import Alert, Fact, Severity, record
from gridwatch.domain.alerts import AlertRecord
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.regions import DoomedRegionRecord

KIND = "region_doomed"


def region_doomed(
    experiment: ExperimentRecord, region: DoomedRegionRecord, *, action: str, spared: int, now: datetime
) -> AlertRecord:
    """The alert about a doomed region: one for each upload of the spec and region. `spared` are the trials that waited
    there.
    """
    points = "one point" if spared == 1 else f"{spared} points"
    done = f"{points} that waited there {'was' if spared == 1 else 'were'} "
    done += "cancelled" if action == "cancel" else "moved behind all others"
    alert = Alert(
        kind=KIND,
        severity=Severity.WARNING,
        title=f"{experiment.name}: trials with {region.name} fail",
        summary=f"{region.failures} of {region.known} trials with {region.name} were stopped by a rule; {done}.",
        facts=(
            Fact("Experiment", experiment.name),
            Fact("Region", region.name),
            Fact("Failed there", f"{region.failures} of {region.known}"),
            Fact("Failed elsewhere", f"{region.failures_elsewhere} of {region.known_elsewhere}"),
            Fact("Confidence", f"{region.confidence:.4f} for this region alone"),
        ),
        action=f"{action}, because the spec asks for it (doomed_regions)",
        outcome=done,
        commands=(
            f'gridwatch retry {experiment.name} --region "{region.name}"',
            f"gridwatch status {experiment.name}",
        ),
    )
    about = (experiment.name, experiment.spec_version, region.name)
    return record(alert, about=about, experiment=experiment.name, now=now)

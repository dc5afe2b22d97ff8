"""The report of an experiment: one HTML page, from the tables of a snapshot."""

from __future__ import annotations

from gridwatch.reports.experiment import costs, overview, sections
from gridwatch.reports.experiment.drawn import drawn
from gridwatch.reports.experiment.facts import ExperimentFacts
from gridwatch.reports.experiment.judged import judgement
from gridwatch.reports.interactive import interactive_page


def create_report(facts: ExperimentFacts) -> str:
    """The page. It needs nothing else: it opens from a disk and from S3."""
    experiment = facts.tables.experiment
    people = " · ".join(filter(None, [experiment.get("owner"), experiment.get("team")]))
    aim = f"{facts.direction} {facts.metric}"
    parts = (
        overview.summary(facts),
        sections.leaderboard(facts),
        sections.learning_curves(facts),
        sections.hyperparameters(facts),
        sections.metrics(facts),
        sections.findings(facts),
        judgement(facts.replayed),
        sections.resources(facts),
        costs.money(facts),
    )
    subtitle = " · ".join(filter(None, [aim, people, f"snapshot {experiment['snapshot_id']}"]))
    return interactive_page(str(experiment["experiment"]), subtitle, parts, drawn(facts), ("experiment.js",))

"""The sections of an experiment's report, in their order; each says why when it has nothing to show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from gridwatch.reports.experiment.drawn import MOST_FINDINGS, metric_names
from gridwatch.reports.experiment.facts import ExperimentFacts
from gridwatch.reports.experiment.importance import METHOD
from gridwatch.reports.experiment.overview import seconds, shown
from gridwatch.reports.experiment.tables import Row
from gridwatch.reports.interactive import checkbox, controls, plot, select
from gridwatch.savings.money import money
from gridwatch.tables.curves import MOST_POINTS as KEPT
from gridwatch_rules.page import paragraph, section, table
from gridwatch_rules.status import RuleStatus
from gridwatch_rules.wording import counted

MOST_ROWS = 1000
_COLUMNS = 8  # hyperparameters beside each other in the leaderboard


def leaderboard(found: ExperimentFacts) -> str:
    trials = found.tables.trials
    if not trials:
        return section("Leaderboard", paragraph("The experiment has no trials.", "muted"))
    rest = [place for place in range(len(trials)) if place not in found.places]
    shown = [*found.order, *rest][:MOST_ROWS]
    names = list(found.varied[:_COLUMNS])
    headings = ["place", "trial", found.metric, "state", *names, "trained, s", "cost"]
    head = "".join(f'<th scope="col"><button type="button">{escape(each)}</button></th>' for each in headings)
    rows = "\n".join(_trial_row(found, place, names) for place in shown)
    # The region can be scrolled with the keyboard, so it must take the focus, and so it must have a name.
    board = (
        '<div class="tall" tabindex="0" role="region" aria-label="Leaderboard">'
        f'<table id="leaderboard"><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>'
    )
    hint = (
        "A trial's button shows it in every chart. In a chart the arrow keys go through the trials, the best first; "
        "a heading sorts the table."
    )
    ranked = f"Ranked by the last value of {found.metric}, {found.direction}d."
    notes = paragraph(ranked, "muted"), paragraph(hint, "muted hint")
    return section("Leaderboard", *notes, board, *_left_out(len(trials), len(shown), "trials"))


def _trial_row(found: ExperimentFacts, place: int, names: Sequence[str]) -> str:
    trial, parameters = found.tables.trials[place], found.hyperparameters[place]
    rank = found.places.get(place)
    cost = trial["cost"]
    label = f"place {rank}" if rank else "no place"
    button = (
        f'<button type="button" data-trial="{place}" aria-pressed="false" aria-label="{label}: show trial '
        f'{escape(trial["trial_id"])} in the charts">{rank or "-"}</button>'
    )
    cells = [
        button,
        f'<span title="{escape(trial["job_name"] or "")}">{escape(trial["trial_id"])}</span>',
        escape(shown(trial["objective_value"])),
        _state(trial["state"], trial["reason"]),
        *(escape(shown(parameters.get(name))) for name in names),
        seconds(trial["training_seconds"]),
        "" if cost is None else escape(money(cost, trial["cost_currency"] or found.prices.currency)),
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _state(state: str, reason: str | None) -> str:
    kind = ' class="alarm"' if state in ("failed", "refused") else ""
    title = f' title="{escape(reason)}"' if reason else ""
    return f"<span{kind}{title}>{escape(state)}</span>"


def learning_curves(found: ExperimentFacts) -> str:
    names = metric_names(found)
    if not names:
        why = (
            "No curves: no training has saved or printed a metric yet, or its tensors have expired before a snapshot "
            "was taken."
        )
        return section("Learning curves", paragraph(why, "muted"))
    finals = [found.tables.trials[place]["objective_value"] for place in found.order]
    lasts = f"; the objective ends between {shown(min(finals))} and {shown(max(finals))}" if finals else ""
    findings = len(found.tables.findings)
    alt = (
        f"Learning curves of {counted(len(found.tables.trials), 'trial')} by step{lasts}; "
        f"{findings} findings are marked where they fired. The tables below have the best by budget and the findings."
    )
    chooser = controls(
        select("metric", "Metric", names),
        checkbox("logarithmic", "logarithmic"),
        checkbox("everything", "with outliers"),
    )
    caption = (
        "Each line is a trial, from the best (blue) to the last (grey), red without a result; selected trials stand "
        "out. Dotted: the best value that any trial had by then. Triangles are findings."
    )
    return section(
        "Learning curves", chooser, plot("curves", alt, caption, "trials"), *_thinned(found), *_best_by_budget(found)
    )


def _thinned(found: ExperimentFacts) -> Iterator[str]:
    if found.tables.shown_points < found.tables.point_count:
        text = (
            f"Of {found.tables.point_count:,} points {found.tables.shown_points:,} are drawn, evenly along each curve "
            "and with its ends; the table metrics has all that are kept."
        )
        yield paragraph(text, "muted")
    thinned = sum(each.thinned for each in found.tables.series)
    if thinned:
        text = (
            f"Thinned when they were stored: {thinned} curves had more than {KEPT:,} points, of which the table "
            "metrics keeps about so many, evenly, with the first, the last, the least and the greatest."
        )
        yield paragraph(text, "muted")


def _best_by_budget(found: ExperimentFacts) -> Iterator[str]:
    rows = []
    for best in found.best_at:
        place = found.places.get(found.trial_places[best.trial_id])
        parameters = found.hyperparameters[found.trial_places[best.trial_id]]
        named = ", ".join(f"{name} {shown(parameters.get(name))}" for name in found.varied[:_COLUMNS])
        rows.append(
            (
                str(best.budget),
                escape(best.trial_id),
                escape(shown(best.value)),
                escape(named),
                str(place) if place else "no place",
                str(best.reached),
            )
        )
    if rows:
        yield "<h3>Best by budget</h3>"
        unit = found.best_at[0].unit
        text = (
            f"Who would have won had every trial trained for so many {unit} only, by {found.metric}. "
            "A trial that ended earlier competes with its last value."
        )
        yield paragraph(text, "muted")
        headings = (unit, "best trial", found.metric, "hyperparameters", "place in the end", "trials compared")
        yield table(headings, rows, frozenset({0, 2, 4, 5}))


def hyperparameters(found: ExperimentFacts) -> str:
    if not found.varied or not found.order:
        why = "No hyperparameter differs between the trials." if found.order else "No trial has a result yet."
        return section("Hyperparameters", paragraph(why, "muted"))
    best = found.hyperparameters[found.order[0]]
    named = ", ".join(f"{name} {shown(best.get(name))}" for name in found.varied)
    parts = [
        plot(
            "parallel",
            f"Parallel coordinates of {len(found.order)} trials over {', '.join(found.varied[:12])} and "
            f"{found.metric}; "
            f"the best trial has {named}.",
            "Each line is a trial. Drag along an axis to keep what passes there, click the axis to let go.",
            "trials",
        ),
        *_importance(found),
        "<h3>Slices</h3>",
        plot(
            "slices",
            f"{found.metric} against each hyperparameter: {', '.join(found.varied[:12])}.",
            f"{found.metric} of every trial against one hyperparameter at a time.",
            "trials free",
        ),
    ]
    return section("Hyperparameters", *parts)


def _importance(found: ExperimentFacts) -> Iterator[str]:
    if not found.importance:
        return
    yield "<h3>Importance</h3>"
    effects = ", ".join(f"{each.name} {each.effect:.2f}" for each in found.importance)
    yield plot("importance", f"Importance of hyperparameters: {effects}.", "0: none; 1: it alone orders trials.", "low")
    few = " With so few trials it is a hint at most." if found.importance[0].trials < 20 else ""
    text = (
        f"Method: {METHOD} (eta squared of H) on the ranks of {found.metric}, each hyperparameter alone, over "
        f"{found.importance[0].trials} trials with a result; numbers with more than eight values in eight groups. What "
        f"hyperparameters do only together does not show in it.{few}"
    )
    yield paragraph(text, "muted")


def metrics(found: ExperimentFacts) -> str:
    count = len(found.order)
    if not count and not any(found.tables.last_values.values()):
        return section("Metrics", paragraph("No trial has a result yet.", "muted"))
    alt = f"Histograms of the last value of every metric over the trials; {found.metric} of {count} trials first."
    return section("Metrics", plot("finals", alt, "How the trials' last values are distributed.", "free"))


def findings(found: ExperimentFacts) -> str:
    rows = [
        (
            escape(each["rule_name"] or ""),
            escape(each["trial_id"]),
            shown(each["step"]),
            escape(each["details"] or ""),
            f'{escape(shown(each["observed"]))}<br><span class="muted">{escape(shown(each["threshold"]))}</span>',
            escape(": ".join(filter(None, [each["action"], each["outcome"]]))),
        )
        for each in found.tables.findings[:MOST_FINDINGS]
    ]
    unknowing = [paragraph(line, "muted") for line in _without_verdict(found.tables.evaluations)]
    if not rows:
        return section("Findings", paragraph(_no_findings(found.tables.evaluations), "muted"), *unknowing)
    headings = ("rule", "trial", "step", "what was found", "observed / threshold", "done")
    listed = table(headings, rows, frozenset({2, 4}))
    region = f'<div class="tall" tabindex="0" role="region" aria-label="Findings">{listed}</div>'
    return section("Findings", region, *_left_out(len(found.tables.findings), len(rows), "findings"), *unknowing)


def _no_findings(evaluations: Sequence[Row]) -> str:
    if not evaluations:
        return "No rules watched this experiment."
    sound = sum(each["status"] == RuleStatus.NO_ISSUES_FOUND for each in evaluations)
    return f"Evaluations of rules: {len(evaluations)}, none with an issue; {sound} came to the verdict NoIssuesFound."


def _without_verdict(evaluations: Sequence[Row]) -> Iterator[str]:
    """Rules that say nothing about the training, and why: those that saw nothing to judge by, and those that failed."""
    for status, words in ((RuleStatus.SAW_NOTHING, "saw nothing to judge by"), (RuleStatus.ERROR, "failed")):
        of_status = [each for each in evaluations if each["status"] == status]
        for rule in dict.fromkeys(each["rule_name"] for each in of_status):
            jobs = sum(each["rule_name"] == rule for each in evaluations)
            mine = [each for each in of_status if each["rule_name"] == rule]
            details = mine[0]["details"] or "it gives no reason"
            yield f"{rule} {words} in {len(mine)} of {jobs} trials: {details}"


def resources(found: ExperimentFacts) -> str:
    damaged = [paragraph(f"Not readable: {each}", "muted") for each in found.usages.damaged]
    if not found.usages.found:
        why = "No profile: no trial has sampled its machine (a profiler rule in the spec makes it), or it has expired."
        return section("Use of machines", paragraph(why, "muted"), *damaged)
    names = sorted({resource for each in found.usages.found for resource in each.uses})
    means = ", ".join(f"{name} {_mean(found, name):.0f} %" for name in names)
    parts = [
        plot("uses", f"Histograms of machine use over all samples; on average {means}.", f"Mean use: {means}.", "free"),
        controls(select("resource", "Resource", names)),
        plot(
            "heat",
            f"Heat map of machine use by trial and time; on average {means}.",
            "A row is a trial, from its first sample to its last.",
        ),
    ]
    if found.usages.looked_at < len(found.tables.trials):
        text = (
            f"Of {len(found.tables.trials)} trials the profiles of the best {found.usages.looked_at} were looked for."
        )
        parts.append(paragraph(text, "muted"))
    return section("Use of machines", *parts, *damaged)


def _mean(found: ExperimentFacts, resource: str) -> float:
    cells = [
        cell
        for each in found.usages.found
        if resource in each.uses
        for cell in each.uses[resource].timeline
        if cell is not None
    ]
    return sum(cells) / len(cells)


def _left_out(count: int, listed: int, what: str) -> list[str]:
    return [paragraph(f"The first {listed} of {count} {what}.", "muted")] if listed < count else []

"""Renders the page of ProfilerReport: the use of time and machine, the rules that triggered, and advice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from gridwatch_rules.page import page, paragraph, section, table
from gridwatch_rules.rules.profiler.summary import ProfileSummary, RuleSummary, Times


def render(summary: ProfileSummary, title: str) -> str:
    """Render the report on a finished or running job as one HTML document."""
    triggered = sum(1 for rule in summary.rules if rule.triggered)
    subtitle = (
        f"{triggered} of {len(summary.rules)} rules triggered · {summary.samples} samples of system metrics · "
        f"{summary.spans} spans of framework metrics"
    )
    return page(title, subtitle, _sections(summary))


def _sections(summary: ProfileSummary) -> Iterator[str]:
    if summary.times is None:
        yield paragraph("The job wrote no system metrics.", "alarm")
    else:
        yield section("Where the time went", *_times(summary.times, has_spans=summary.spans > 0))
    yield section("What could be done", _recommendations(summary))
    yield section("Rules", _rules(summary.rules))
    if summary.usage:
        yield section("Use of the machines", paragraph("In percent, over all samples."), _usage(summary))
    if summary.phases:
        yield section("Phases of the training", *_phases(summary))


def _times(times: Times, *, has_spans: bool) -> Iterator[str]:
    parts = [("before the first step", times.before), ("steps", times.steps), ("after the last step", times.after)]
    total = times.total or 1.0
    shares = [(name, seconds, 100 * seconds / total) for name, seconds in parts]
    spoken = ", ".join(f"{name} {share:.1f} %" for name, _, share in shares)
    yield (
        f'<div class="bar" role="img" aria-label="{escape(spoken)}">'
        + "".join(
            f'<span style="width:{share:.3f}%;background:var(--series-{number})"></span>'
            for number, (_, seconds, share) in enumerate(shares, 1)
            if seconds
        )
        + "</div>"
    )
    yield (
        '<ul class="key">'
        + "".join(
            f'<li><i style="background:var(--series-{number})"></i>{name}: {duration(seconds)} ({share:.1f} %)</li>'
            for number, (name, seconds, share) in enumerate(shares, 1)
        )
        + "</ul>"
    )
    if not has_spans:
        yield paragraph(
            "No framework metrics were written, so it is not known when the steps began and ended.", "muted"
        )


def _recommendations(summary: ProfileSummary) -> str:
    found = [(escape(why), escape(what)) for why, what in summary.recommendations()]
    return table(("What was seen", "What helps"), found) if found else paragraph("Nothing: no rule triggered.")


def _rules(rules: Sequence[RuleSummary]) -> str:
    rows = []
    for rule in rules:
        state = '<span class="alarm">triggered</span>' if rule.triggered else '<span class="calm">quiet</span>'
        said = f"<br>{escape(rule.sentence)}" if rule.sentence else ""
        parameters = ", ".join(
            f"{name} {value}" for name, value in rule.parameters.items() if name != "scan_interval_us"
        )
        about = f'{escape(rule.summary)}{said}<br><span class="muted">{escape(parameters)}</span>'
        rows.append((f"{escape(rule.name)}", state, str(rule.triggered), about))
    return table(("Rule", "State", "Times", "About"), rows, frozenset({2}))


def _usage(summary: ProfileSummary) -> str:
    rows = [
        (
            escape(each.node),
            escape(each.metric),
            _meter(each.mean, f"{each.metric} of {each.node}, mean"),
            *(f"{value:.1f}" for value in (each.mean, each.minimum, each.p50, each.p95, each.p99, each.maximum)),
        )
        for each in summary.usage
    ]
    headings = ("Node", "Metric", "Share", "Mean", "Min", "p50", "p95", "p99", "Max")
    return table(headings, rows, frozenset(range(3, 9)))


def _phases(summary: ProfileSummary) -> Iterator[str]:
    longest = max(each.total for each in summary.phases) or 1.0
    yield paragraph("Summed over all processes; phases may overlap.")
    rows = [
        (
            escape(each.phase),
            _meter(100 * each.total / longest, f"{each.phase}, share of the longest phase"),
            duration(each.total),
            str(each.count),
            duration(each.mean),
            duration(each.longest),
        )
        for each in summary.phases
    ]
    yield table(("Phase", "Share", "Total", "Count", "Mean", "Longest"), rows, frozenset({2, 3, 4, 5}))


def _meter(percent: float, label: str) -> str:
    width = min(max(percent, 0.0), 100.0)
    return (
        f'<div class="bar meter" role="img" aria-label="{escape(label)} {percent:.1f} %">'
        f'<span style="width:{width:.2f}%;background:var(--series-1)"></span></div>'
    )


def duration(seconds: float) -> str:
    """A duration for people: "2 h 05 min", "3 min 20 s", "1.5 s", "12 ms"."""
    if round(seconds) >= 3600:
        hours, rest = divmod(round(seconds / 60), 60)
        return f"{hours} h {rest:02d} min"
    if seconds >= 60:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"

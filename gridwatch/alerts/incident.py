"""An alert as an event of PagerDuty's Events API v2, which other incident tools take too; also good as plain JSON.

https://developer.pagerduty.com/docs/send-alert-event. The routing key is a secret: whoever posts the event puts it in.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gridwatch.alerts.content import Alert
from gridwatch.alerts.markup import cut, web_links
from gridwatch.alerts.text import curve_lines, printable, rows

LONGEST_SUMMARY = 1024
LONGEST_DETAILS = 64 * 1024  # characters; the API takes 512 kB an event


def incident_event(alert: Alert, alert_id: str, experiment: str | None, *, source: str, at: datetime) -> dict[str, Any]:
    """The event without its routing key. One incident for each alert: a repeated event is the same one."""
    details: dict[str, Any] = {"summary": cut(printable(alert.summary), LONGEST_DETAILS)}
    details |= {label: cut(value, LONGEST_DETAILS) for label, value in rows(alert)}
    if alert.details:
        details["details"] = cut("\n".join(printable(line) for line in alert.details), LONGEST_DETAILS)
    if alert.curve:
        details["curve"] = "\n".join(curve_lines(alert.curve))
    if alert.commands:
        details["commands"] = list(alert.commands)
    payload = {
        "summary": cut(printable(alert.title), LONGEST_SUMMARY),
        "source": source,
        "severity": alert.severity.value,
        "timestamp": at.isoformat(timespec="milliseconds"),
        "class": alert.kind,
        "custom_details": details,
    }
    if experiment:
        payload["group"] = printable(experiment)
    return {
        "event_action": "trigger",
        "dedup_key": alert_id,
        "payload": payload,
        "client": "Gridwatch",
        "links": [{"href": link.address, "text": link.label} for link in web_links(alert)],
    }

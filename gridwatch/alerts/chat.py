"""An alert as a custom notification of Amazon Q Developer in chat applications, for Slack and Microsoft Teams.

https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html: Amazon Q drops messages of any other form in
silence.
"""

from __future__ import annotations

from typing import Any

from gridwatch.alerts.content import Alert
from gridwatch.alerts.markup import block, cut, escaped, evidence, table, web_links
from gridwatch.alerts.text import printable

LONGEST_TITLE = 250
LONGEST_DESCRIPTION = 8000
LONGEST_STEP = 350
LONGEST_KEYWORD = 75
# The description's parts: what does not fit into its share is cut, so that every part is there.
_SUMMARY, _EVIDENCE, _TABLE = 1500, 3000, 3400


def chat_notification(alert: Alert, alert_id: str, experiment: str | None) -> dict[str, Any]:
    """The notification's JSON. All notifications of an experiment are one thread."""
    parts = [
        cut(escaped(alert.summary), _SUMMARY),
        *(block(lines, longest) for lines, longest in ((evidence(alert), _EVIDENCE), (table(alert), _TABLE)) if lines),
    ]
    keywords = [alert.severity.value, alert.kind, *([experiment] if experiment else [])]
    return {
        "version": "1.0",
        "source": "custom",
        "id": alert_id,
        "content": {
            "textType": "client-markdown",
            "title": cut(escaped(alert.title), LONGEST_TITLE),
            "description": "\n".join(parts),
            "nextSteps": _next_steps(alert),
            "keywords": [cut(escaped(keyword), LONGEST_KEYWORD) for keyword in keywords],
        },
        "metadata": {
            "threadId": f"gridwatch-{experiment}" if experiment else alert_id,
            "summary": cut(escaped(alert.title), LONGEST_TITLE),
            "eventType": alert.kind,
            "relatedResources": [printable(link.address) for link in alert.links],
            "additionalContext": {"severity": alert.severity.value, "alert_id": alert_id},
        },
    }


def _next_steps(alert: Alert) -> list[str]:
    """The alert's next steps, as many whole ones as fit: half a command or address is worth nothing."""
    steps = [f"`{escaped(command).replace('`', '')}`" for command in alert.commands]
    steps += [f"<{printable(link.address)}|{escaped(link.label)}>" for link in web_links(alert)]
    return [step for step in steps if len(step) <= LONGEST_STEP]

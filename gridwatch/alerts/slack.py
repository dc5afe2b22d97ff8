"""An alert as a message for a Slack incoming webhook: `text` for notifications and screen readers, `blocks` to be seen.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/ and …/reference/block-kit/blocks/
"""

from __future__ import annotations

from typing import Any

from gridwatch.alerts.content import Alert, Severity
from gridwatch.alerts.markup import block, cut, escaped, evidence, table, web_links
from gridwatch.alerts.text import printable
from gridwatch_rules.visible import visible_line

LONGEST_HEADER = 150
LONGEST_SECTION = 3000
LONGEST_CONTEXT = 2000

_SIGNS = {Severity.CRITICAL: ":red_circle:", Severity.WARNING: ":large_orange_circle:", Severity.INFO: ":memo:"}


def slack_message(alert: Alert, alert_id: str) -> dict[str, Any]:
    """The webhook's JSON."""
    title = cut(escaped(alert.title), LONGEST_SECTION - 100)
    parts = [
        # Plain text: Slack reads no markup in it, so nothing is escaped.
        {"type": "header", "text": {"type": "plain_text", "text": cut(_line(alert.title), LONGEST_HEADER)}},
        _section(cut(f"{_SIGNS[alert.severity]} {escaped(alert.summary)}", LONGEST_SECTION)),
        *(_section(block(lines, LONGEST_SECTION)) for lines in (evidence(alert), table(alert)) if lines),
        *([_section(block(list(alert.commands), LONGEST_SECTION))] if alert.commands else []),
    ]
    links = " · ".join(f"<{printable(link.address)}|{escaped(link.label)}>" for link in web_links(alert))
    if links and len(links) <= LONGEST_SECTION:  # a link that is cut leads nowhere
        parts.append(_section(links))
    footer = cut(f"Gridwatch alert {alert_id}", LONGEST_CONTEXT)
    parts.append({"type": "context", "elements": [{"type": "plain_text", "text": footer}]})
    return {"text": title, "blocks": parts}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _line(text: str) -> str:
    return " ".join(visible_line(text).split()) or "Gridwatch"

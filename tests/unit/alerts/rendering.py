"""Every case in every form, as kept in tests/data/alerts. `python -m tests.unit.alerts.rendering` writes them anew."""

from __future__ import annotations

import json
from pathlib import Path

from gridwatch.alerts.chat import chat_notification
from gridwatch.alerts.content import Alert
from gridwatch.alerts.incident import incident_event
from gridwatch.alerts.slack import slack_message
from gridwatch.alerts.text import render
from gridwatch.domain.alerts import AlertRecord
from gridwatch.state.codec import from_document

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "alerts"


def renderings(record: AlertRecord) -> dict[str, str]:
    """The alert by the name's ending that its golden file has."""
    alert, alert_id = from_document(Alert, record.content), record.alert_id
    text = render(alert, alert_id)
    event = incident_event(alert, alert_id, record.experiment, source="gridwatch", at=record.created_at)
    return {
        "txt": f"Subject: {text.subject}\n\n{text.body}",
        "chat.json": _json(chat_notification(alert, alert_id, record.experiment)),
        "slack.json": _json(slack_message(alert, alert_id)),
        "incident.json": _json(event),
    }


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def main() -> None:
    from tests.unit.alerts.cases import cases

    GOLDEN.mkdir(exist_ok=True)
    for name, record in cases().items():
        for ending, text in renderings(record).items():
            (GOLDEN / f"{name}.{ending}").write_text(text)


if __name__ == "__main__":
    main()

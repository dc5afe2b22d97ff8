"""Names and reasons of users in the places where people read them: alerts in every form, and pages."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from random import Random
from typing import Any

from gridwatch.alerts.content import trial_failed
from gridwatch.reports.tensor_report import create_tensor_report
from gridwatch_rules.tensors.reader import TensorReader
from tests.fuzz.defects import DefectError, readable
from tests.fuzz.values import TEXTS, scalar
from tests.tensor_folder import TensorFolder
from tests.unit.alerts.rendering import renderings
from tests.unit.alerts.test_text import NOW, TRIAL
from tests.unit.reports.markup import Markup

# What Slack reads as a mention or a link, unless it is one of ours.
_OBEYED = re.compile(r"<(?!https://[a-z0-9.-]*(?:amazon|aws)[a-z0-9.-]*/)[!@#h]")


def texts(random: Random) -> bytes:
    made = [random.choice((random.choice(TEXTS), str(scalar(random)))) for _ in range(4)]
    return json.dumps(made).encode()


def take_texts(content: bytes) -> bool:
    reason, name, value, title = json.loads(content)
    trial = replace(TRIAL, reason=reason, hyperparameters={name: value, "eta": 0.1})
    _alerts(renderings(trial_failed(trial=trial, now=NOW)))
    _page(name or "w", title)
    return True


def _alerts(forms: dict[str, str]) -> None:
    readable(forms["txt"])
    for form in ("chat.json", "slack.json"):
        for text in _strings(json.loads(forms[form])):
            readable(text)
    slack = json.loads(forms["slack.json"])
    marked = [text for block in slack["blocks"] if block["type"] == "section" for text in _strings(block["text"])]
    for text in (*marked, slack["text"]):
        if _OBEYED.search(text):
            raise DefectError(f"Slack would obey {text[:200]!r}")


def _strings(document: Any) -> list[str]:
    if isinstance(document, dict):
        return [text for value in document.values() for text in _strings(value)]
    if isinstance(document, list):
        return [text for value in document for text in _strings(value)]
    return [document] if isinstance(document, str) else []


def _page(name: str, title: str) -> None:
    folder = TensorFolder({"weights": [".*"]})
    folder.save(0, {name: [1.0, 2.0]})
    folder.end()
    page = create_tensor_report(TensorReader(folder.source()), title)
    found = Markup(page)
    scripts = [attributes for tag, attributes in found.tags if tag == "script"]
    handlers = [key for _, attributes in found.tags for key in attributes if key.lower().startswith("on")]
    foreign = [tag for tag, _ in found.tags if tag in ("img", "iframe", "object", "embed", "base", "form")]
    addresses = [str(each.get("href", "#")) for _, each in found.tags]
    if handlers or foreign or len(scripts) != 4 or any(each.lower().startswith("javascript") for each in addresses):
        raise DefectError(f"the page has {handlers} {foreign} {scripts} {addresses}")

from __future__ import annotations

import re

import pytest

from gridwatch_rules import page as page_module
from gridwatch_rules.page import page, paragraph, section, table
from tests.unit.reports.markup import check


def test_text_is_escaped() -> None:
    document = page("<a> & b", "<i>", [section("1 < 2", paragraph("<b>"), table(("<h>",), [("<em>markup</em>",)]))])
    found = check(document)
    assert "<a> & b" in found.text
    assert {"a", "i", "b", "h"}.isdisjoint(tag for tag, _ in found.tags)
    assert ("em", {}) in found.tags


def test_nothing_runs_or_is_loaded_on_a_page_without_scripts() -> None:
    document = page("a", "b", [])
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', document)
    assert policy is not None
    assert document.index(policy[0]) < document.index("<title>")
    assert "default-src 'none'" in policy[1]
    assert "script-src" not in policy[1]


def luminance(colour: str) -> float:
    """Of WCAG 2.2."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_can_be_read_in_both_themes(theme: str) -> None:
    light, dark = page_module._STYLE.split("prefers-color-scheme: dark")
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light if theme == "light" else dark))
    surface = luminance(colours["surface"])
    wanted = {"ink": 7.0, "muted": 4.5, "alarm": 4.5, "calm": 4.5} | {f"series-{number}": 3.0 for number in range(1, 7)}
    for name, least in wanted.items():
        lighter, darker = sorted((luminance(colours[name]), surface), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= least, name

"""Reports with interactive charts: the page's frame, with Apache ECharts and our scripts inside it.

Nothing is loaded from elsewhere, so the page opens from a disk, a bucket or a mail alike; its security policy forbids
loading.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from gridwatch_rules.page import page

_ASSETS = Path(__file__).with_name("assets")
_LIBRARY = "echarts.min.js"
_STYLE = """<style>
main { max-width: 76rem; }
.plot { width: 100%; height: 26rem; overflow: hidden; }
.plot.low { height: 15rem; } .plot.free { height: auto; min-height: 220px; }
.plot:focus-visible, button:focus-visible, select:focus-visible, .tall:focus-visible {
  outline: 2px solid var(--series-1); outline-offset: 2px; }
.controls { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: center; margin: .5rem 0; }
select, button { font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--line);
  border-radius: 4px; padding: .15rem .5rem; max-width: 100%; }
.tall { max-height: 30rem; overflow: auto; border: 1px solid var(--line); border-radius: 4px; padding: 0 .75rem; }
.tall thead th { position: sticky; top: 0; background: var(--surface); z-index: 1; }
th button { border: 0; background: none; padding: 0; font-weight: 600; color: var(--muted); cursor: pointer; }
th[aria-sort=ascending] button::after { content: " ▲"; } th[aria-sort=descending] button::after { content: " ▼"; }
td button { cursor: pointer; min-width: 3rem; border-left: .5rem solid var(--mark, transparent); }
button[aria-pressed=true] { font-weight: 700; }
#leaderboard td { white-space: nowrap; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.25rem; margin: .75rem 0; }
.facts dt { color: var(--muted); } .facts dd { margin: 0; overflow-wrap: anywhere; }
.said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
/* While it is printed (charts.js says when), all is as wide as the text of a page of paper, A4 or Letter. */
.printing main { width: 42rem; max-width: none; }
@media print { .plot, .tall { overflow: visible; max-height: none; } .tall { border: 0; padding: 0; }
  .controls, .hint { display: none; } #leaderboard td { white-space: normal; } table { font-size: .85rem; } }
@media (max-width: 40rem) { .facts { grid-template-columns: 1fr; gap: 0; } .facts dd { margin-bottom: .5rem; } }
</style>
"""
_NO_SCRIPT = "<noscript><p>The charts need JavaScript; the tables do not.</p></noscript>\n"


def interactive_page(
    title: str, subtitle: str, sections: Iterable[str], data: Mapping[str, Any], scripts: Sequence[str]
) -> str:
    """The document. `data` is what the scripts draw; `scripts` are names of files in `assets`, run in their order."""
    codes = [_asset(_LIBRARY), *map(_asset, ("charts.js", *scripts))]
    allowed = " ".join(f"'sha256-{_digest(code)}'" for code in codes)
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}"
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n{_STYLE}'
    foot = [
        _NO_SCRIPT,
        '<p id="said" class="said" role="status" aria-live="polite"></p>\n',
        f'<script id="data" type="application/json">{_json(data)}</script>\n',
        *(f"<script>{code}</script>\n" for code in codes),
    ]
    return page(title, subtitle, sections, head=head, foot="".join(foot))


def plot(name: str, alt: str, caption: str, kind: str = "") -> str:
    """The place of a chart that a script draws. `alt` says what it shows to those who cannot see it."""
    return (
        f'<figure>\n<div class="plot {kind}" id="{name}" role="img" tabindex="0" aria-label="{escape(alt)}"></div>\n'
        f"<figcaption>{escape(caption)}</figcaption>\n</figure>"
    )


def select(name: str, label: str, choices: Sequence[str]) -> str:
    """A choice among texts; its value is the place of the chosen one."""
    options = "".join(f'<option value="{place}">{escape(choice)}</option>' for place, choice in enumerate(choices))
    return f'<label>{escape(label)} <select id="{name}">{options}</select></label>'


def checkbox(name: str, label: str) -> str:
    return f'<label><input type="checkbox" id="{name}"> {escape(label)}</label>'


def controls(*parts: str) -> str:
    """A row of controls; `parts` are HTML."""
    return f'<div class="controls">{"".join(parts)}</div>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names (text) with their descriptions (HTML)."""
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in pairs)
    return f'<dl class="facts">{listed}</dl>'


@cache
def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _digest(code: str) -> str:
    return base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()


def _json(data: Mapping[str, Any]) -> str:
    """JSON that can stand in a script element: nothing in it ends the element."""
    text = json.dumps(_finite(data), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _finite(value: Any) -> Any:
    """The value with null for NaN and infinity, which JSON lacks."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value

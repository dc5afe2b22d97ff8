"""The frame of every report: a self-contained HTML document that is readable in light and in dark mode."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from gridwatch_rules.visible import visible_document

# Contrasts with the surface in light and dark mode, which a test computes: text 15.3 and 14.6 to 1, muted text 5.9 and
# 7.8, series at least 4.4 and 7.2.
_STYLE = """
:root { color-scheme: light dark;
  --surface: #fcfcfb; --panel: #ffffff; --ink: #1d2330; --muted: #5b6374; --line: #d5d9e0; --grid: #e6e9ee;
  --series-1: #2a6fdb; --series-2: #c2570c; --series-3: #1a8754; --series-4: #8a3ffc; --series-5: #b3247a;
  --series-6: #5f6b7a; --alarm: #b42318; --calm: #1a7f4b; }
@media (prefers-color-scheme: dark) { :root {
  --surface: #14171d; --panel: #1b1f27; --ink: #e4e8ef; --muted: #a3acba; --line: #343b47; --grid: #2a303a;
  --series-1: #6ea8fe; --series-2: #f59e5b; --series-3: #56c596; --series-4: #b794f6; --series-5: #f08bbd;
  --series-6: #9aa5b5; --alarm: #ff8a7d; --calm: #5fd39b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--surface); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem; }
p { margin: .25rem 0 .75rem; max-width: 46rem; overflow-wrap: anywhere; } .muted { color: var(--muted); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--muted); white-space: nowrap; } .number { text-align: right; white-space: nowrap; }
figure { margin: .75rem 0 1.5rem; } figcaption { color: var(--muted); font-size: .9rem; margin-top: .25rem; }
figure svg { max-width: 100%; height: auto; display: block; }
.bar { display: flex; height: 1.25rem; border-radius: 4px; overflow: hidden; gap: 2px; background: var(--surface); }
.bar span { display: block; height: 100%; min-width: 2px; }
.meter { margin-top: .4rem; background: var(--grid); min-width: 8rem; height: .7rem; }
.key { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .5rem 0; padding: 0; list-style: none; }
.key i { display: inline-block; width: .75rem; height: .75rem; border-radius: 2px; margin-right: .4rem; }
.alarm { color: var(--alarm); font-weight: 600; } .calm { color: var(--calm); font-weight: 600; }
@media print { :root { color-scheme: light; } main { max-width: none; padding: 0; } .scroll { overflow: visible; }
  figure, tr { break-inside: avoid; } th { white-space: normal; } h2, h3 { break-after: avoid; } }
"""


# The policy of pages without scripts. Should foreign text be taken for markup after all, nothing in it runs or loads.
_NO_SCRIPTS = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
)


def page(title: str, subtitle: str, sections: Iterable[str], *, head: str = _NO_SCRIPTS, foot: str = "") -> str:
    """Make the document. `title` and `subtitle` are text, `sections` HTML; `head` and `foot` are HTML for those places.

    Scripts run only when `head` brings a security policy that allows them.
    """
    return visible_document(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{head}<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>{escape(title)}</h1>\n<p class="muted">{escape(subtitle)}</p>\n'
        + "\n".join(sections)
        + f"\n</main>\n{foot}</body>\n</html>\n"
    )


def section(heading: str, *parts: str) -> str:
    """Make a section. `heading` is text, `parts` are HTML."""
    return f"<section>\n<h2>{escape(heading)}</h2>\n" + "\n".join(parts) + "\n</section>"


def paragraph(text: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f"<p{attribute}>{escape(text)}</p>"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], numbers: frozenset[int] = frozenset()) -> str:
    """Make a table. `headings` are text, cells are HTML; the columns in `numbers` are aligned right."""

    def cell(tag: str, column: int, content: str) -> str:
        attributes = ' class="number"' if column in numbers else ""
        scope = ' scope="col"' if tag == "th" else ""
        return f"<{tag}{scope}{attributes}>{content}</{tag}>"

    head = "".join(cell("th", column, escape(each)) for column, each in enumerate(headings))
    body = "\n".join("<tr>" + "".join(cell("td", n, each) for n, each in enumerate(row)) + "</tr>" for row in rows)
    return f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'


def figure(svg: str, caption: str) -> str:
    """Make a figure. `svg` is markup, `caption` text."""
    return f"<figure>\n{svg}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"

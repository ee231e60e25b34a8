"""Pages that stand by themselves: one HTML file each, with its pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from limbeck.workflow import pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #22262b; background: #fff; max-width: 62rem;
       margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.7rem; line-height: 1.2; margin-bottom: .3rem }
h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid #e3e5e8; padding-bottom: .2rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem .6rem .3rem 0;
       border-bottom: 1px solid #eef0f2; vertical-align: top } th { font-weight: 600 }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
.quiet { color: #6a7078 } .range { color: #6a7078; font-size: .85em; white-space: nowrap }
.verdicts { list-style: none; padding: 0; margin: 1.2rem 0 } .verdicts li { position: relative; margin: .35rem 0;
       padding: .45rem .9rem .45rem 2.3rem; background: #f7f8f9; border-radius: 6px }
.verdicts li::before { position: absolute; left: .8rem; font-weight: 700 }
.good::before { content: "✓"; color: #2e8b57 }
.fair::before { content: "!"; color: #b98900 } .bad::before { content: "✗"; color: #b3402a }
.todo::before { content: "→"; color: #0b6e74 } td:first-child { min-width: 6.5rem }
summary { cursor: pointer; color: #0b6e74 }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem; margin: 1.2rem 0 }
.tile { background: #f3f6f6; border-radius: 6px; padding: .7rem .9rem }
.tile b { display: block; font-size: 1.6rem; line-height: 1.3; font-variant-numeric: tabular-nums }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(24rem, 1fr)); gap: 1rem }
img { width: 100%; height: auto } figure { margin: 0 } code { font-size: .9em }
"""


def page(title: str, parts: Iterable[str]) -> str:
    """Return a page of *parts*, which are HTML."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body>\n{''.join(parts)}</body></html>\n"
    )


def section(title: str, content: str) -> str:
    """Return a part with a heading."""
    return f"<h2>{escape(title)}</h2>\n{content}"


def details(title: str, content: str) -> str:
    """Return a part that a reader opens."""
    return f"<details><summary>{escape(title)}</summary>\n{content}</details>\n"


def picture(figure: Figure, name: str) -> str:
    """Return a picture; *name* is what those hear who do not see it."""
    return f'<figure><img alt="{escape(name)}" src="{pictures.data_uri(figure)}"></figure>\n'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False) -> str:
    """Return a table of cells that are HTML; with *numbers*, all but the first column stand at the right."""

    def line(tag: str, cells: Sequence[str]) -> str:
        kind = [' class="number"' if numbers and n else "" for n, _ in enumerate(cells)]
        return f"<tr>{''.join(f'<{tag}{k}>{cell}</{tag}>' for k, cell in zip(kind, cells, strict=True))}</tr>"

    body = "\n".join(line("td", row) for row in rows)
    return f"<table>\n{line('th', head)}\n{body}\n</table>\n"


def moment(text: str) -> str:
    """Return a time in ISO form as people read it."""
    return escape(text.replace("T", " ").replace("+00:00", " UTC"))

"""Pages that stand by themselves: one HTML file each, with its pictures."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from limbeck.workflow import pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
:root { color-scheme: light dark; --ink: #22262b; --paper: #fff; --quiet: #5c6269; --line: #e3e5e8; --card: #f4f6f7;
        --accent: #0b6e74; --good: #1f7a47; --fair: #8a6500; --bad: #b3402a }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --paper: #16191c; --quiet: #a5abb2; --line: #373d43;
        --card: #20252a; --accent: #5cc2c9; --good: #6cc993; --fair: #e0b64a; --bad: #f0907a } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem;
       margin: 2rem auto; padding: 0 1rem; overflow-wrap: break-word }
h1 { font-size: 1.7rem; line-height: 1.2; margin-bottom: .3rem }
h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem }
.table { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600 } th[scope=row] { font-weight: 400; min-width: 6.5rem }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; padding: .3rem 0 .3rem .6rem }
tr.marked th, tr.marked td { font-weight: 600; background: var(--card) } tr.marked .range { font-weight: 400 }
.quiet { color: var(--quiet) } .range { color: var(--quiet); font-size: .85em; white-space: nowrap }
.verdicts { list-style: none; padding: 0; margin: 1.2rem 0 } .verdicts li { position: relative; margin: .35rem 0;
       padding: .45rem .9rem .45rem 2.3rem; background: var(--card); border-radius: 6px }
.verdicts li::before { position: absolute; left: .8rem; font-weight: 700 }
.good::before { content: "✓"; color: var(--good) } .fair::before { content: "!"; color: var(--fair) }
.bad::before { content: "✗"; color: var(--bad) } .todo::before { content: "→"; color: var(--accent) }
summary { cursor: pointer; color: var(--accent) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(17rem, 45%), 1fr)); gap: .8rem;
       margin: 1.2rem 0 }
.tile { background: var(--card); border-radius: 6px; padding: .7rem .9rem }
.tile .range { white-space: normal }
.tile b { display: block; font-size: 1.6rem; line-height: 1.3; font-variant-numeric: tabular-nums }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(27rem, 100%), 1fr)); gap: 1rem }
figure { margin: 0; overflow-x: auto } code { font-size: .9em }
img { max-width: 100%; height: auto; background: #fff; border-radius: 6px }
@media (max-width: 40rem) { .wide img { max-width: 42rem } }
"""
WIDE = 600
"""Pixels of a picture that is moved sideways on a telephone, for its letters would be too small."""


def page(title: str, parts: Iterable[str]) -> str:
    """Return a page of *parts*, which are HTML."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body><main>\n{''.join(parts)}</main></body></html>\n"
    )


def section(title: str, content: str) -> str:
    """Return a part with a heading."""
    return f"<h2>{escape(title)}</h2>\n{content}"


def details(title: str, content: str) -> str:
    """Return a part that a reader opens."""
    return f"<details><summary>{escape(title)}</summary>\n{content}</details>\n"


def picture(figure: Figure, name: str) -> str:
    """Return a picture; its *name* and what it shows are what those hear who do not see it."""
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    kind = ' class="wide"' if width > WIDE else ""
    told = escape(f"{name}: {pictures.told(figure)}")
    size = f'width="{width}" height="{height}"'
    return f'<figure{kind}><img alt="{told}" {size} src="{pictures.data_uri(figure)}"></figure>\n'


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False, marked: Container[int] = ()
) -> str:
    """Return a table of cells that are HTML; with *numbers*, all but the first column stand at the right.

    The first cell of a row names it. Without texts in *head* nothing stands above. *marked* has the places of rows that
    are to be seen first.
    """
    number = ' class="number"' if numbers else ""
    first, *others = head
    top = f'<th scope="col">{first}</th>' + "".join(f'<th scope="col"{number}>{cell}</th>' for cell in others)
    lines = [f"<tr>{top}</tr>"] if any(head) else []
    for place, (named, *cells) in enumerate(rows):
        kind = ' class="marked"' if place in marked else ""
        found = "".join(f"<td{number}>{cell}</td>" for cell in cells)
        lines.append(f'<tr{kind}><th scope="row">{named}</th>{found}</tr>')
    body = "\n".join(lines)
    return f'<div class="table" tabindex="0">\n<table>\n{body}\n</table></div>\n'


def moment(text: str) -> str:
    """Return a time in ISO form as people read it, in whole seconds."""
    return escape(re.sub(r"[.]\d+", "", text).replace("T", " ").replace("+00:00", " UTC"))

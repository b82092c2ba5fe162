"""HTML from Python: elements whose text and attributes are escaped, whatever a spec calls its schemes."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["Markup", "data", "element", "join", "table"]


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, *children: str | None, **attributes: str | int | float | bool | None) -> Markup:
    """Make an element; children that are not `Markup` are escaped.

    Attributes of None or False are left out, those of True have no value; `class_` is `class`, and an
    underscore inside a name is a hyphen.

    Examples
    --------
    >>> element("td", "a < b", class_="name", colspan=2, hidden=False)
    '<td class="name" colspan="2">a &lt; b</td>'
    """
    parts = [tag]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        name = key.rstrip("_").replace("_", "-")
        parts.append(name if value is True else f'{name}="{html.escape(str(value))}"')
    opening = f"<{' '.join(parts)}>"
    return Markup(opening + join(children) + f"</{tag}>")


def join(children: Iterable[str | None], between: str = "") -> Markup:
    """Put texts and elements in a row.

    Examples
    --------
    >>> join(["1 < 2", element("b", "so")], ", ")
    '1 &lt; 2, <b>so</b>'
    """
    made = [
        child if isinstance(child, Markup) else html.escape(child, quote=False)
        for child in children
        if child is not None
    ]
    return Markup(between.join(made))


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: int,
    class_: str | None = None,
) -> Markup:
    """Make a table whose first column heads its rows, in a box that scrolls where it is too wide.

    Parameters
    ----------
    caption : str
        What it shows.
    head : sequence of str
        Heads of the columns.
    rows : iterable of sequences of str
        Cells.
    numbers : int
        From which column on there are numbers, which are aligned to the right.
    class_ : str, optional
        Of the table.
    """

    def row(cells: Sequence[str]) -> Markup:
        made = []
        for i, cell in enumerate(cells):
            kind = "number" if i >= numbers else None
            made.append(
                element("td", cell, class_=kind) if i else element("th", cell, scope="row", class_=kind)
            )
        return element("tr", *made)

    heads = [
        element("th", name, scope="col", class_="number" if i >= numbers else None)
        for i, name in enumerate(head)
    ]
    made = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *heads)),
        element("tbody", *map(row, rows)),
        class_=class_,
    )
    # A region that scrolls must be reachable by keyboard.
    return element("div", made, class_="scrolls", tabindex=0, role="region", aria_label=caption)


def data(content: Any) -> str:
    r"""Write JSON that can stand in a `script` element: nothing in it ends the element or starts another.

    Examples
    --------
    >>> data({"name": "</script>"})
    '{"name":"\\u003c/script>"}'
    """
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")

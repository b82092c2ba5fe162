"""Rows of a SQLite file read from its pages alone, for files whose tree is broken."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from channelvq.sweep.schema import PAGE_BYTES

__all__ = ["Record", "records"]

Record = tuple[Any, ...]

_HEADER_OF_FILE = 100  # bytes in front of the first page's own header
_WAL_HEADER, _FRAME_HEADER = 32, 24
_INDEX_INSIDE, _INDEX_LEAF, _TABLE_LEAF = 0x02, 0x0A, 0x0D
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # serial type: bytes


def records(path: Path) -> tuple[Iterator[Record], int]:
    """Find every row that lies in one page of a database of ours, and of its write-ahead log [1]_.

    Parameters
    ----------
    path : Path
        The file, of pages of `PAGE_BYTES`.

    Returns
    -------
    rows : iterator of tuple
        Values of the columns, for a table with a rowid the rowid first. A row may come twice.
    unreadable : int
        Pages of no known kind, and not empty.

    References
    ----------
    .. [1] "Database file format", sqlite.org/fileformat2.html, sec. 1.6, 2 and 4.
    """
    pages = list(_pages(path))
    broken = sum(1 for page, start in pages if _kind(page, start) is None)
    return (row for page, start in pages for row in _rows(page, start)), broken


def _pages(path: Path) -> Iterator[tuple[memoryview, int]]:
    """Give each page, and where in it the page's own header starts."""
    content = memoryview(path.read_bytes())
    for start in range(0, len(content) - PAGE_BYTES + 1, PAGE_BYTES):
        yield content[start : start + PAGE_BYTES], 0 if start else _HEADER_OF_FILE
    log = path.with_name(path.name + "-wal")
    if log.is_file():
        frames = memoryview(log.read_bytes())[_WAL_HEADER:]
        step = _FRAME_HEADER + PAGE_BYTES
        for start in range(0, len(frames) - step + 1, step):
            number = int.from_bytes(frames[start : start + 4], "big")
            page = frames[start + _FRAME_HEADER : start + step]
            yield page, 0 if number != 1 else _HEADER_OF_FILE


def _kind(page: memoryview, start: int) -> int | None:
    """Kind of a page; 0 for one that holds no rows (inside of a table, overflow, free), None for nonsense."""
    kind = page[start]
    if kind in (_INDEX_INSIDE, _INDEX_LEAF, _TABLE_LEAF):
        return kind
    # Pages of overflow and free ones start with a page's number, of which files of our size use three bytes.
    return 0 if kind in (0x00, 0x05) else None


def _rows(page: memoryview, start: int) -> Iterator[Record]:
    """Give the rows of a page, as far as they make sense."""
    kind = _kind(page, start)
    if not kind:
        return
    count = int.from_bytes(page[start + 3 : start + 5], "big")
    first = start + (12 if kind == _INDEX_INSIDE else 8)
    for number in range(min(count, (PAGE_BYTES - first) // 2)):
        place = first + 2 * number
        try:
            row = _cell(page, int.from_bytes(page[place : place + 2], "big"), kind)
        except (IndexError, ValueError, struct.error, UnicodeDecodeError):
            continue
        if row is not None:
            yield row


def _cell(page: memoryview, place: int, kind: int) -> Record | None:
    """Read a row; None if it goes on in other pages."""
    if kind == _INDEX_INSIDE:
        place += 4  # the number of the page to the left
    size, place = _varint(page, place)
    rowid: tuple[int, ...] = ()
    if kind == _TABLE_LEAF:
        number, place = _varint(page, place)
        rowid = (number,)
    if place + size > PAGE_BYTES:
        return None
    values = _values(page[place : place + size])
    # In a table with an INTEGER PRIMARY KEY that column is NULL: its value is the rowid.
    return rowid + values[1:] if rowid and values and values[0] is None else rowid + values


def _values(record: memoryview) -> Record:
    """Take a record apart."""
    size, place = _varint(record, 0)
    types = []
    while place < size:
        kind, place = _varint(record, place)
        types.append(kind)
    values: list[Any] = []
    place = size
    for kind in types:
        value, place = _value(record, place, kind)
        values.append(value)
    if place != len(record):
        raise ValueError("a record of another length")
    return tuple(values)


def _value(record: memoryview, place: int, kind: int) -> tuple[Any, int]:
    """Read one value; give it and the place behind it."""
    if kind == 0:
        return None, place
    if kind in (8, 9):
        return kind - 8, place
    width = _INTEGERS.get(kind, 8 if kind == 7 else (kind - 12) // 2 if kind >= 12 else -1)
    content = bytes(record[place : place + width]) if width >= 0 else b""
    if width < 0 or len(content) != width:
        raise ValueError("a record cut short")
    if kind in _INTEGERS:
        return int.from_bytes(content, "big", signed=True), place + width
    if kind == 7:
        return struct.unpack(">d", content)[0], place + width
    return content if kind % 2 == 0 else content.decode(), place + width


def _varint(page: memoryview, place: int) -> tuple[int, int]:
    """Read a number of one to nine bytes; give it and the place behind it."""
    value = 0
    for count in range(8):
        byte = page[place + count]
        value = (value << 7) | (byte & 0x7F)
        if byte < 0x80:
            return value, place + count + 1
    return (value << 8) | page[place + 8], place + 9

"""Byte layout of a `vqvae-ec` message: checked pieces, the header, and numbers of any length.

See `channelvq.codecs.vqvae_ec` for what comes in which order.
"""

from __future__ import annotations

from channelvq.codecs.layout import VERSION, Header
from channelvq.crc import crc16

__all__ = [
    "CRC",
    "HEAD",
    "ID",
    "header_bytes",
    "parse_header",
    "read_numbers",
    "unchecked",
    "with_check",
    "write_number",
]

_PROFILE = 2  # the header's version
ID, CRC = 2, 2
HEAD = 7 + ID + CRC
"""Bytes of the header, the prior's id and their CRC."""


def with_check(data: bytes) -> bytes:
    """Put a CRC-16 behind some bytes.

    Examples
    --------
    >>> unchecked(with_check(b"map"))
    b'map'
    """
    return data + crc16(data).to_bytes(CRC, "big")


def unchecked(data: bytes, size: int | None = None) -> bytes | None:
    """Take the CRC off; None if it does not hold, or `size` bytes are not there."""
    content, check = data[:-CRC], data[-CRC:]
    if len(data) < CRC or (size is not None and len(content) != size):
        return None
    return content if crc16(content) == int.from_bytes(check, "big") else None


def header_bytes(header: Header) -> bytes:
    """Write the header of this profile, which differs from `vqvae`'s in its version."""
    data = header.to_bytes()
    return bytes([data[0] & 15 | _PROFILE << 4]) + data[1:]


def parse_header(data: bytes) -> Header | None:
    """Read the header (and leave the prior's id behind it); None if it is of another version."""
    if not data or data[0] >> 4 != _PROFILE:
        return None
    return Header.from_bytes(bytes([data[0] & 15 | VERSION << 4]) + data[1:-ID])


def write_number(value: int) -> bytes:
    """Write a number, seven bits a byte.

    Examples
    --------
    >>> write_number(300).hex(" "), read_numbers(write_number(300) + b"!", 1)
    ('ac 02', ([300], b'!'))
    """
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def read_numbers(data: bytes, count: int) -> tuple[list[int], bytes]:
    """Read so many numbers, and give what follows them; numbers that are not there are 0."""
    at, found = 0, []
    for _ in range(count):
        value = shift = 0
        while at < len(data):
            byte = data[at]
            value, at, shift = value | (byte & 127) << shift, at + 1, shift + 7
            if byte < 128:
                break
        found.append(value)
    return found, data[at:]

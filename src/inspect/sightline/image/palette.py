"""Numbers of a PNG with a palette, which decoders turn into the palette's colours (PNG specification, section 11).

Masks of classes are often stored so, as Pascal VOC's are: a number a pixel, and a colour for each to look at.
"""

from __future__ import annotations

import struct
import zlib

_MARK = b"\x89PNG\r\n\x1a\n"
_DEPTH, _COLOUR = 8, 9  # where a header's chunk tells bits a number, and what the numbers are
_GREY, _PALETTE = 0, 3
_KEPT = (b"IHDR", b"IDAT", b"IEND")


def as_grey(data: bytes) -> tuple[bytes, int] | None:
    """The same file with its numbers as shades of grey.

    Args:
        data: An image file that was decoded before, so that it is sound.

    Returns:
        A PNG of grey, and how many shades apart a decoder to 8 bits tells two neighbouring numbers; None if the file is
        no PNG with a palette.
    """
    if not data.startswith(_MARK) or data[16 + _COLOUR] != _PALETTE:
        return None
    parts, at = [_MARK], len(_MARK)
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            body = body[:_COLOUR] + bytes([_GREY]) + body[_COLOUR + 1 :]
        if kind in _KEPT:  # a palette, and what is transparent of it, mean nothing in grey
            parts.append(struct.pack(">I", length) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
        at += length + 12
    return b"".join(parts), 255 // (2 ** data[16 + _DEPTH] - 1)
